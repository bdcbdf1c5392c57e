import { PartReader } from '../inference/part-reader.ts'
import { readAnswerHeader } from './answer-schema.ts'
import type { PixelArray } from './pixels/stored-pixels.ts'
import { type AnswerHeader, arrayKinds, MAX_HEADER_BYTES, type Section } from './protocol.ts'

export interface Answer {
  readonly header: AnswerHeader
  readonly arrays: Readonly<Partial<Record<Section['name'], PixelArray>>>
}

const MAX_LUT_ENTRIES = 65_536

/** Reads one answer as it comes. Nothing is allocated before what asks for it was held against the limits and against itself. */
export class AnswerReader extends PartReader<Answer> {
  constructor(maxPixelBytes: number) {
    super(answerParts(maxPixelBytes))
  }
}

function* answerParts(maxPixelBytes: number): Generator<Uint8Array, Answer | undefined, undefined> {
  const prefix = Buffer.alloc(4)
  yield prefix
  const length = prefix.readUInt32LE(0)
  if (length === 0 || length > MAX_HEADER_BYTES) return undefined
  const text = Buffer.alloc(length)
  yield text
  const header = readAnswerHeader(text)
  if (header === undefined) return undefined
  if (header.kind === 'failed') return { header, arrays: {} }
  if (!isConsistent(header, maxPixelBytes)) return undefined
  const arrays: Partial<Record<Section['name'], PixelArray>> = {}
  for (const { name, type, length: elements } of header.sections) {
    const Kind = kindOf(type)
    if (Kind === undefined) return undefined
    const array: PixelArray = new Kind(elements)
    yield new Uint8Array(array.buffer)
    arrays[name] = array
  }
  return { header, arrays }
}

/** Whether the arrays are just those that the facts speak of. */
function isConsistent(
  { facts, sections, luts }: Extract<AnswerHeader, { kind: 'decoded' }>,
  maxPixelBytes: number,
): boolean {
  const [pixels, ...tables] = sections
  const kind = kindOf(pixels?.type ?? '')
  if (pixels === undefined || pixels.name !== 'pixels' || kind === undefined) return false
  const samples = facts.frames * facts.rows * facts.columns * facts.samplesPerPixel
  const bytes = pixels.length * kind.BYTES_PER_ELEMENT
  const isSize = pixels.length === samples && bytes <= maxPixelBytes && facts.frameFacts.length === facts.frames
  const isKind =
    kind.BYTES_PER_ELEMENT * 8 === facts.bitsAllocated &&
    facts.isFloat === pixels.type.startsWith('Float') &&
    (facts.isFloat || facts.isSigned === pixels.type.startsWith('Int'))
  const isTables = tables.every(
    ({ name, type, length }) =>
      name !== 'pixels' && luts[name] !== undefined && type === 'Uint16Array' && length <= MAX_LUT_ENTRIES,
  )
  const names = new Set(sections.map(({ name }) => name))
  return isSize && isKind && isTables && names.size === sections.length && tables.length === Object.values(luts).length
}

function kindOf(type: string): (typeof arrayKinds)[keyof typeof arrayKinds] | undefined {
  return Object.hasOwn(arrayKinds, type) ? arrayKinds[type as keyof typeof arrayKinds] : undefined
}
