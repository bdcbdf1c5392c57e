import { OnnxError } from './errors.ts'
import { dtypeName, type OnnxValue } from './surface.ts'
import { eachField, type Field, fieldText, verifyMessage, type Wire } from './wire.ts'

const MAX_NAME_BYTES = 4096
const MAX_RANK = 64

/** TypeProto: the member that is set says the kind. */
const kinds: ReadonlyMap<number, OnnxValue['kind']> = new Map([
  [1, 'tensor'],
  [4, 'sequence'],
  [5, 'map'],
  [7, 'opaque'],
  [8, 'sparse'],
  [9, 'optional'],
])

type Type = Pick<OnnxValue, 'kind' | 'dtype' | 'dims'>

/** Reads a ValueInfoProto: the name and type of an input, an output or a value between two nodes. */
export function readValueInfo(wire: Wire, field: Field): OnnxValue {
  verifyMessage(field)
  let name = ''
  let type: Type = { kind: 'unknown', dtype: undefined, dims: undefined }
  eachField(wire, field.from, field.to, (part) => {
    if (part.number === 1) name = fieldText(wire, part, MAX_NAME_BYTES)
    else if (part.number === 2) type = readType(wire, part)
  })
  return { name, ...type }
}

function readType(wire: Wire, field: Field): Type {
  verifyMessage(field)
  let type: Type = { kind: 'unknown', dtype: undefined, dims: undefined }
  eachField(wire, field.from, field.to, (part) => {
    const kind = kinds.get(part.number)
    if (kind === undefined) return
    type = kind === 'tensor' ? readTensorType(wire, part) : { kind, dtype: undefined, dims: undefined }
  })
  return type
}

function readTensorType(wire: Wire, field: Field): Type {
  verifyMessage(field)
  let dtype: string | undefined
  let dims: OnnxValue['dims']
  eachField(wire, field.from, field.to, (part) => {
    if (part.number === 1) dtype = dtypeName(part.value)
    else if (part.number === 2) dims = readShape(wire, part)
  })
  return { kind: 'tensor', dtype, dims }
}

function readShape(wire: Wire, field: Field): OnnxValue['dims'] {
  verifyMessage(field)
  const dims: (number | string | null)[] = []
  eachField(wire, field.from, field.to, (part) => {
    if (part.number !== 1) return
    if (dims.length === MAX_RANK) throw new OnnxError('onnx_too_complex', { about: 'rank' })
    dims.push(readDimension(wire, part))
  })
  return dims
}

/** A negative size, as some exporters write it, says nothing. */
function readDimension(wire: Wire, field: Field): number | string | null {
  verifyMessage(field)
  let dim: number | string | null = null
  eachField(wire, field.from, field.to, (part) => {
    if (part.number === 1) dim = Number.isSafeInteger(part.value) ? part.value : null
    else if (part.number === 2) dim = fieldText(wire, part, MAX_NAME_BYTES) || null
  })
  return dim
}
