import { elementCount } from './sizes.ts'
import { dtypes } from './surface.ts'
import { eachField, type Field, fieldText, LENGTH_DELIMITED, packedNumbers, verifyMessage, type Wire } from './wire.ts'

const MAX_NAME_BYTES = 4096
const MAX_RANK = 64
/** A constant of so few integers can be the shape of something. */
const MAX_SHAPE_NUMBERS = 64
const INT64 = 7
const INT64_BYTES = 8

/** What is known of a constant without its data. */
export interface TensorHead {
  readonly name: string
  /** TensorProto.DataType. */
  readonly dtype: number
  /** In memory, by its dims or by what is carried, whichever is more. */
  readonly bytes: number
  readonly isExternal: boolean
  /** The values of a short int64 constant. */
  readonly numbers: readonly number[] | undefined
}

/** Reads a TensorProto. Whatever its wire type, a mark of external data counts: no parser then gets to decide. */
export function readTensorHead(wire: Wire, field: Field): TensorHead {
  verifyMessage(field)
  const dims: number[] = []
  let [name, dtype, carried, isExternal] = ['', 0, 0, false]
  let numbers: number[] | undefined
  eachField(wire, field.from, field.to, (part) => {
    if (part.number === 1) dims.push(...(packedNumbers(wire, part, MAX_RANK) ?? []))
    else if (part.number === 2) dtype = part.value
    else if (part.number === 8) name = fieldText(wire, part, MAX_NAME_BYTES)
    else if (part.number === 13 || (part.number === 14 && part.value !== 0)) isExternal = true
    else if (part.number === 14 && part.type === LENGTH_DELIMITED) isExternal = true
    else if (part.number >= 4 && part.number <= 11) carried += part.to - part.from
    if (part.number === 7 && part.to - part.from <= MAX_SHAPE_NUMBERS * INT64_BYTES)
      numbers = packedNumbers(wire, part, MAX_SHAPE_NUMBERS)
    else if (part.number === 9) numbers ??= rawNumbers(wire, part)
  })
  const bytes = Math.max(elementCount(dims) * (dtypes.get(dtype)?.bytes ?? 1), carried)
  return { name, dtype, bytes, isExternal, numbers: dtype === INT64 ? numbers : undefined }
}

function rawNumbers({ bytes }: Wire, { from, to }: Field): number[] | undefined {
  const length = to - from
  if (length > MAX_SHAPE_NUMBERS * INT64_BYTES || length % INT64_BYTES !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, length)
  return Array.from({ length: length / INT64_BYTES }, (_, index) => Number(view.getBigInt64(index * INT64_BYTES, true)))
}
