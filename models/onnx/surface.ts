/** What can be said of an ONNX model without running it. Texts are the file's own: show them through `printable`. */
export interface OnnxSurface {
  readonly irVersion: number
  readonly producer: string
  readonly graphName: string
  readonly docString: string
  readonly fileBytes: number
  readonly opsets: readonly { readonly domain: string; readonly version: number }[]
  /** What must be fed; inputs that an initialiser stands in for are in `defaults`. */
  readonly inputs: readonly OnnxValue[]
  readonly defaults: readonly string[]
  readonly outputs: readonly OnnxValue[]
  readonly initialisers: Initialisers
  /** Of the main graph, of graphs in nodes and of functions, by domain and name. */
  readonly operators: readonly { readonly domain: string; readonly name: string; readonly count: number }[]
  readonly functions: readonly { readonly domain: string; readonly name: string }[]
  /** Tensors that the file names but does not carry. */
  readonly externalTensors: number
  readonly metadata: Readonly<Record<string, string>>
  /** Bytes of the largest tensor between two nodes whose shape the file says; 0 where it says none. */
  readonly largestIntermediateBytes: number
  readonly hasTraining: boolean
  /** See `hasPlainNames` of plain-names.ts. */
  readonly hasPlainNames: boolean
}

export interface Initialisers {
  readonly count: number
  /** As they will lie in memory, constants in nodes included. */
  readonly bytes: number
  /** Bytes of constants that nodes fill on loading (ConstantOfShape of a constant shape): not in the file, but in memory. */
  readonly expandedBytes: number
  readonly byDtype: Readonly<Record<string, number>>
}

export interface OnnxValue {
  readonly name: string
  readonly kind: 'tensor' | 'sequence' | 'map' | 'optional' | 'sparse' | 'opaque' | 'unknown'
  /** As {@link dtypeNames} has it; undefined where the file says none, or it is not a tensor. */
  readonly dtype: string | undefined
  /** A size, the name of a free size, or null where nothing is said; undefined when not even the rank is known. */
  readonly dims: readonly (number | string | null)[] | undefined
}

/** TensorProto.DataType → name, and bytes of one element (a half byte for the four-bit types). */
export const dtypes: ReadonlyMap<number, { readonly name: string; readonly bytes: number }> = new Map([
  [1, { name: 'float32', bytes: 4 }],
  [2, { name: 'uint8', bytes: 1 }],
  [3, { name: 'int8', bytes: 1 }],
  [4, { name: 'uint16', bytes: 2 }],
  [5, { name: 'int16', bytes: 2 }],
  [6, { name: 'int32', bytes: 4 }],
  [7, { name: 'int64', bytes: 8 }],
  [8, { name: 'string', bytes: 24 }],
  [9, { name: 'bool', bytes: 1 }],
  [10, { name: 'float16', bytes: 2 }],
  [11, { name: 'float64', bytes: 8 }],
  [12, { name: 'uint32', bytes: 4 }],
  [13, { name: 'uint64', bytes: 8 }],
  [14, { name: 'complex64', bytes: 8 }],
  [15, { name: 'complex128', bytes: 16 }],
  [16, { name: 'bfloat16', bytes: 2 }],
  [17, { name: 'float8e4m3fn', bytes: 1 }],
  [18, { name: 'float8e4m3fnuz', bytes: 1 }],
  [19, { name: 'float8e5m2', bytes: 1 }],
  [20, { name: 'float8e5m2fnuz', bytes: 1 }],
  [21, { name: 'uint4', bytes: 0.5 }],
  [22, { name: 'int4', bytes: 0.5 }],
  [23, { name: 'float4e2m1', bytes: 0.5 }],
])

/** `type 42` for a number that no release of the format had when this was written. */
export function dtypeName(number: number): string {
  return dtypes.get(number)?.name ?? `type ${number}`
}
