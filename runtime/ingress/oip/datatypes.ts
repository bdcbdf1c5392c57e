import { type ElementType, elementArrays, type TensorData } from '../../../models/contract/tensor.ts'
import { MAX_RANK, MAX_TENSOR_BYTES } from '../../../models/contract/tensor-schema.ts'
import { refuseOip } from './errors.ts'

/** The protocol's datatypes that are taken, each with the type of element that a contract names. */
export const elementTypes = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP32: 'float32',
  FP64: 'float64',
} as const satisfies Readonly<Record<string, ElementType>>

export type FixedDatatype = keyof typeof elementTypes
export type Datatype = FixedDatatype | 'BYTES'

const datatypeNames = Object.fromEntries(
  Object.entries(elementTypes).map(([datatype, element]) => [element, datatype]),
) as Readonly<Record<ElementType, FixedDatatype>>

export function datatypeOf(element: ElementType): FixedDatatype {
  return datatypeNames[element]
}

/** @throws OipError oip_datatype_unsupported */
export function parseDatatype(text: unknown, about?: string): Datatype {
  if (text === 'BYTES') return text
  if (typeof text === 'string' && Object.hasOwn(elementTypes, text)) return text as FixedDatatype
  // By name, where it is one of the protocol: whoever sends it knows it.
  refuseOip('oip_datatype_unsupported', text === 'FP16' || text === 'BF16' ? text : about)
}

/**
 * Holds a shape to what memory can hold, before anything of that size is made.
 * @returns how many elements it has
 * @throws OipError oip_shape_invalid | oip_too_large
 */
export function countElements(shape: readonly number[], datatype: Datatype, about?: string): number {
  if (shape.length > MAX_RANK) refuseOip('oip_shape_invalid', about)
  let count = 1
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) refuseOip('oip_shape_invalid', about)
    count *= size
    // Before it can grow past what a number holds exactly; a size of zero further on does not make it right.
    if (count * bytesOf(datatype) > MAX_TENSOR_BYTES) refuseOip('oip_too_large', about)
  }
  return count
}

/** Bytes of an element; of a text the least that it can have, its length. */
export function bytesOf(datatype: Datatype): number {
  return datatype === 'BYTES' ? LENGTH_BYTES : elementArrays[elementTypes[datatype]].BYTES_PER_ELEMENT
}

/**
 * Elements of a fixed size from their bytes: little-endian, row-major, in memory of their own.
 * @throws OipError oip_data_mismatch | oip_element_invalid
 */
export function readElements(datatype: FixedDatatype, bytes: Uint8Array, count: number, about?: string): TensorData {
  const array = elementArrays[elementTypes[datatype]]
  if (bytes.byteLength !== count * array.BYTES_PER_ELEMENT) refuseOip('oip_data_mismatch', about)
  // A copy: elements want their alignment, and the request is let go of.
  const data = new array(Uint8Array.from(bytes).buffer)
  if (datatype === 'BOOL' && data.some((flag: number | bigint) => flag > 1)) refuseOip('oip_element_invalid', about)
  return data
}

const LENGTH_BYTES = 4

/**
 * The elements of BYTES from their bytes: each a little-endian length of four bytes and as many bytes.
 * @throws OipError oip_data_mismatch
 */
export function readTexts(bytes: Uint8Array, count: number, about?: string): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const texts: Uint8Array[] = []
  let at = 0
  for (let index = 0; index < count; index += 1) {
    if (at + LENGTH_BYTES > bytes.length) refuseOip('oip_data_mismatch', about)
    const from = at + LENGTH_BYTES
    const length = view.getUint32(at, true)
    if (length > bytes.length - from) refuseOip('oip_data_mismatch', about)
    texts.push(bytes.subarray(from, from + length))
    at = from + length
  }
  if (at !== bytes.length) refuseOip('oip_data_mismatch', about)
  return texts
}

/** As `readElements` and `readTexts` read it. */
export function writeElements(data: TensorData | readonly Uint8Array[]): Uint8Array {
  if (!isTexts(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return Buffer.concat(
    data.flatMap((text) => {
      const length = Buffer.alloc(LENGTH_BYTES)
      length.writeUInt32LE(text.length)
      return [length, text]
    }),
  )
}

export function isTexts(data: TensorData | readonly Uint8Array[]): data is readonly Uint8Array[] {
  return Array.isArray(data)
}

/** Least and greatest of the integers, both inclusive. */
const smallRanges: Readonly<Partial<Record<FixedDatatype, readonly [low: number, high: number]>>> = {
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
}
const bigRanges: Readonly<Partial<Record<FixedDatatype, readonly [low: bigint, high: bigint]>>> = {
  UINT64: [0n, 2n ** 64n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
}

const notFinite: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])

/**
 * Elements of a fixed size from values of another form, one after the other: integers exactly or not at all (those beyond
 * 2^53 as `bigint`), and as text the three floating-point values that JSON has no number for.
 */
export class ElementList {
  readonly #read: (value: unknown) => number | bigint | undefined
  readonly #data: TensorData
  #size = 0

  /** @param count how many there will be; the memory for them is taken at once */
  constructor(datatype: FixedDatatype, count: number) {
    this.#read = readerOf(datatype)
    this.#data = new elementArrays[elementTypes[datatype]](count)
  }

  /** @throws OipError oip_data_mismatch | oip_element_invalid */
  put(value: unknown): void {
    const data = this.#data
    if (this.#size === data.length) refuseOip('oip_data_mismatch')
    const element = this.#read(value)
    if (element === undefined) refuseOip('oip_element_invalid')
    // The reader makes what the array holds.
    data[this.#size] = element as number & bigint
    this.#size += 1
  }

  /** @throws OipError oip_data_mismatch */
  finish(): TensorData {
    return this.#size === this.#data.length ? this.#data : refuseOip('oip_data_mismatch')
  }
}

function readerOf(datatype: FixedDatatype): (value: unknown) => number | bigint | undefined {
  const small = smallRanges[datatype]
  if (small !== undefined) return (value) => smallInteger(value, small)
  const big = bigRanges[datatype]
  if (big !== undefined) return (value) => bigInteger(value, big)
  if (datatype === 'BOOL') return (value) => (typeof value === 'boolean' ? Number(value) : undefined)
  return datatype === 'FP32' ? readSingle : readDouble
}

function readDouble(value: unknown): number | undefined {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : notFinite.get(value)
}

/** A finite number that the type can only hold as an infinity is no element of it. */
function readSingle(value: unknown): number | undefined {
  const number = readDouble(value)
  const isLost = number !== undefined && Number.isFinite(number) && !Number.isFinite(Math.fround(number))
  return isLost ? undefined : number
}

function smallInteger(value: unknown, [low, high]: readonly [number, number]): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value
  const isOne = typeof number === 'number' && Number.isInteger(number) && number >= low && number <= high
  return isOne ? number : undefined
}

function bigInteger(value: unknown, [low, high]: readonly [bigint, bigint]): bigint | undefined {
  const isExact = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))
  if (!isExact) return undefined
  const integer = BigInt(value)
  return integer >= low && integer <= high ? integer : undefined
}
