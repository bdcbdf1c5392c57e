import { Refusal, type RefusalCode } from './errors.ts'
import type { InputSpec } from './schema.ts'
import { type ElementType, elementArrays, isBigElement, type Tensor, tensorBytes } from './tensor.ts'
import { type DimensionSpec, MAX_RANK, MAX_WRITTEN_VALUES } from './tensor-schema.ts'

type TensorSpec = Extract<InputSpec, { kind: 'tensor' }>

/** Least and greatest of the integers, both inclusive; safe integers are exact as JSON numbers, beyond them text is. */
const integerRanges: Readonly<Partial<Record<ElementType, readonly [low: bigint, high: bigint]>>> = {
  int8: [-(2n ** 7n), 2n ** 7n - 1n],
  uint8: [0n, 2n ** 8n - 1n],
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  uint16: [0n, 2n ** 16n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
}
const notFinite: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])
const INTEGER_TEXT = /^(?:0|-?[1-9]\d{0,19})$/
/** The last four signs; those before are held against what the bytes are written as. */
const BASE64_END = /^[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/][A-Za-z0-9+/=])$/

/**
 * Reads a tensor as it was sent and holds it against the contract: dimensions, number of elements, each element's type.
 * @returns the tensor in memory of its own, and whether each element is in the contract's range
 * @throws Refusal input_wrong_type | input_shape_wrong | input_element_invalid | input_not_finite
 */
export function readTensorValue(spec: TensorSpec, value: unknown): { value: Tensor; plausible: boolean } {
  if (typeof value !== 'object' || value === null) refuse('input_wrong_type', spec)
  const { dims, data, base64 } = value as { dims?: unknown; data?: unknown; base64?: unknown }
  if (!isDimensions(dims) || !fitsDimensions(dims, spec.dims)) refuse('input_shape_wrong', spec)
  if ((data === undefined) === (base64 === undefined)) refuse('input_wrong_type', spec)
  const count = dims.reduce((product, size) => product * size, 1)
  const tensor = {
    dtype: spec.dtype,
    dims,
    data: data === undefined ? decode(spec, base64, count) : write(spec, data, count),
  }
  if (spec.onNotFinite === 'refuse' && !hasOnlyNumbers(tensor)) refuse('input_not_finite', spec)
  return { value: tensor, plausible: isInRange(spec, tensor) }
}

/** Whether sizes are those that a contract names, free ones within their bounds. */
export function fitsDimensions(dims: readonly number[], spec: readonly DimensionSpec[]): boolean {
  if (dims.length !== spec.length) return false
  return spec.every((allowed, index) => {
    const size = dims[index] ?? -1
    return typeof allowed === 'number' ? size === allowed : size >= 1 && size <= allowed.max
  })
}

/** The most elements that a contract's dimensions allow. */
export function mostElements(spec: readonly DimensionSpec[]): number {
  return spec.reduce<number>((product, size) => product * (typeof size === 'number' ? size : size.max), 1)
}

function isDimensions(value: unknown): value is number[] {
  return (
    Array.isArray(value) && value.length <= MAX_RANK && value.every((size) => Number.isSafeInteger(size) && size >= 0)
  )
}

function decode(spec: TensorSpec, base64: unknown, count: number): Tensor['data'] {
  if (typeof base64 !== 'string') refuse('input_wrong_type', spec)
  const array = elementArrays[spec.dtype]
  if (base64.length !== 4 * Math.ceil((count * array.BYTES_PER_ELEMENT) / 3)) refuse('input_shape_wrong', spec)
  const bytes = readBase64(base64, count * array.BYTES_PER_ELEMENT, spec)
  if (spec.dtype === 'bool' && bytes.some((byte) => byte > 1)) refuse('input_element_invalid', spec)
  return new array(bytes.buffer)
}

/**
 * The decoder passes over signs that are no base64, so its bytes are written again and compared: for the tensor of an image that is
 * a tenth of what a pattern over all signs takes. Left-over bits of the last sign are not looked at (RFC 4648 §3.5).
 * @param base64 of the length that so many bytes have
 * @returns in memory of their own, aligned for every type of element
 */
function readBase64(base64: string, size: number, spec: TensorSpec): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(new ArrayBuffer(size))
  if (size === 0) return bytes
  bytes.write(base64, 'base64')
  const end = base64.slice(-4)
  const headBytes = 3 * (base64.length / 4 - 1)
  const isBase64 = BASE64_END.test(end) && bytes.toString('base64', 0, headBytes) === base64.slice(0, -4)
  if (!isBase64) refuse('input_wrong_type', spec)
  if (headBytes + end.replaceAll('=', '').length - 1 !== size) refuse('input_shape_wrong', spec)
  return bytes
}

function write(spec: TensorSpec, list: unknown, count: number): Tensor['data'] {
  if (!Array.isArray(list)) refuse('input_wrong_type', spec)
  if (list.length !== count || count > MAX_WRITTEN_VALUES) refuse('input_shape_wrong', spec)
  if (isBigElement(spec.dtype)) {
    const integers = list.map((element) => integerOf(spec, element))
    return spec.dtype === 'int64' ? BigInt64Array.from(integers) : BigUint64Array.from(integers)
  }
  return elementArrays[spec.dtype].from(list.map((element) => numberOf(spec, element)))
}

function numberOf(spec: TensorSpec, element: unknown): number {
  if (spec.dtype === 'bool')
    return typeof element === 'boolean' ? Number(element) : refuse('input_element_invalid', spec)
  if (spec.dtype !== 'float32' && spec.dtype !== 'float64') return Number(integerOf(spec, element))
  const number = typeof element === 'number' ? element : notFinite.get(element)
  if (number === undefined) refuse('input_element_invalid', spec)
  // A finite number that the type can only hold as an infinity is no element of it.
  const held = spec.dtype === 'float32' ? Math.fround(number) : number
  if (Number.isFinite(number) && !Number.isFinite(held)) refuse('input_element_invalid', spec)
  // Adding 0 turns −0 into 0, which is what JSON can say again.
  return number + 0
}

function integerOf(spec: TensorSpec, element: unknown): bigint {
  const isExact =
    typeof element === 'number'
      ? Number.isSafeInteger(element)
      : typeof element === 'string' && isBigElement(spec.dtype) && INTEGER_TEXT.test(element)
  if (!isExact) refuse('input_element_invalid', spec)
  const integer = BigInt(element as number | string)
  const [low, high] = integerRanges[spec.dtype] ?? [0n, 0n]
  if (integer < low || integer > high) refuse('input_element_invalid', spec)
  return integer
}

function hasOnlyNumbers({ dtype, data }: Tensor): boolean {
  if (dtype !== 'float32' && dtype !== 'float64') return true
  // A loop: `every` calls a function for each of the hundred thousands of an image, and takes ten times as long.
  for (let index = 0; index < data.length; index++) if (!Number.isFinite(data[index])) return false
  return true
}

/** Where the contract allows NaN it is no implausible value: no range can say anything of it. */
function isInRange({ range }: TensorSpec, { data }: Tensor): boolean {
  if (range === undefined) return true
  for (let index = 0; index < data.length; index++) {
    const element = Number(data[index])
    if (element < range.low || element > range.high) return false
  }
  return true
}

/** A tensor as it can be sent: written out where it is small and JSON can say each element, else as base64. */
export function sendableTensor(tensor: Tensor): { dims: readonly number[]; base64: string } {
  return { dims: tensor.dims, base64: Buffer.from(tensorBytes(tensor)).toString('base64') }
}

/** @param spec names the input as the signed contract has it */
function refuse(code: RefusalCode, spec: TensorSpec): never {
  throw new Refusal(code, { about: spec.name })
}
