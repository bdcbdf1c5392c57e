import type { ImageFacts, PixelArray } from '../../models/contract/image/image-facts.ts'
import type { Prepared } from '../../models/contract/image/prepared-image.ts'
import type { Tensor } from '../../models/contract/tensor.ts'
import { PartReader } from '../inference/part-reader.ts'
import { readAnswerHeader } from './answer-schema.ts'
import type { ImageLimits } from './limits.ts'
import {
  arrayKinds,
  type DecodedHeader,
  type FailedHeader,
  MAX_HEADER_BYTES,
  type Order,
  type Plan,
  type PreparedHeader,
  type ReceivedHeader,
  type Section,
  type TensorShape,
} from './protocol.ts'

export type Answer =
  | { readonly kind: 'failed'; readonly header: FailedHeader }
  | { readonly kind: 'decoded'; readonly header: DecodedHeader; readonly arrays: DecodedArrays }
  | { readonly kind: 'prepared'; readonly header: ReceivedHeader; readonly prepared: readonly Prepared[] }

export type DecodedArrays = Readonly<Partial<Record<Section['name'], PixelArray>>>

type Parts<Whole> = Generator<Uint8Array, Whole | undefined, undefined>

const MAX_LUT_ENTRIES = 65_536
const tensorArrays = { float32: Float32Array, uint8: Uint8Array } as const

/**
 * Reads one answer as it comes. Nothing is allocated before what asks for it was held against the order, the limits and
 * itself.
 */
export class AnswerReader extends PartReader<Answer> {
  constructor(order: Order) {
    super(answerParts(order))
  }
}

function* answerParts(order: Order): Parts<Answer> {
  const prefix = Buffer.alloc(4)
  yield prefix
  const length = prefix.readUInt32LE(0)
  if (length === 0 || length > MAX_HEADER_BYTES) return undefined
  const text = Buffer.alloc(length)
  yield text
  const header = readAnswerHeader(text, order.limits.maxFrames)
  if (header?.kind === 'failed') return { kind: 'failed', header }
  if (header === undefined || header.kind !== ANSWERS[order.kind] || !isWithin(header.facts, order.limits)) {
    return undefined
  }
  if (header.kind === 'decoded') return yield* decodedParts(header, order.limits.maxPixelBytes)
  return order.kind === 'prepare' ? yield* preparedParts(header, order.plans, order.limits.maxTensorBytes) : undefined
}

const ANSWERS = { decode: 'decoded', prepare: 'prepared' } as const

/** Whether an image of this size could have been read at all. */
function isWithin({ frames, rows, columns, frameFacts }: ImageFacts, limits: ImageLimits): boolean {
  return (
    frames <= limits.maxFrames &&
    rows * columns <= limits.maxFramePixels &&
    frameFacts.length === frames &&
    frameFacts.every(({ file, frame }) => file < limits.maxFiles && frame < limits.maxFrames)
  )
}

function* decodedParts(header: DecodedHeader, maxPixelBytes: number): Parts<Answer> {
  if (!isConsistent(header, maxPixelBytes)) return undefined
  const arrays: Partial<Record<Section['name'], PixelArray>> = {}
  for (const { name, type, length: elements } of header.sections) {
    const Kind = kindOf(type)
    if (Kind === undefined) return undefined
    const array: PixelArray = new Kind(elements)
    yield new Uint8Array(array.buffer)
    arrays[name] = array
  }
  return { kind: 'decoded', header, arrays }
}

/** Whether the arrays are just those that the facts speak of. */
function isConsistent({ facts, sections, luts }: DecodedHeader, maxPixelBytes: number): boolean {
  const [pixels, ...tables] = sections
  const kind = kindOf(pixels?.type ?? '')
  if (pixels === undefined || pixels.name !== 'pixels' || kind === undefined) return false
  const samples = facts.frames * facts.rows * facts.columns * facts.samplesPerPixel
  const bytes = pixels.length * kind.BYTES_PER_ELEMENT
  const isSize = pixels.length === samples && bytes <= maxPixelBytes
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

function* preparedParts(header: ReceivedHeader, plans: readonly Plan[], maxTensorBytes: number): Parts<Answer> {
  const isOfPlans =
    header.prepared.length === plans.length &&
    header.prepared.every((each, index) => isOfPlan(each, plans[index] ?? [])) &&
    tensorBytes(header.prepared) <= maxTensorBytes
  if (!isOfPlans) return undefined
  const prepared: Prepared[] = []
  for (const each of header.prepared) {
    if ('refused' in each) prepared.push(each)
    else {
      const tensors: [string, Tensor][] = []
      for (const { name, dtype, dims } of each.tensors) {
        const data = new tensorArrays[dtype](elements(dims))
        yield new Uint8Array(data.buffer)
        tensors.push([name, { dtype, dims, data }])
      }
      // As own properties, whatever the names are.
      prepared.push({ tensors: Object.fromEntries(tensors) })
    }
  }
  return { kind: 'prepared', header, prepared }
}

const ranks = { NCHW: 4, NHWC: 4, NCDHW: 5, NDHWC: 5 } as const

/** Whether these are the tensors of the plan, all of them and no others, or a refusal of one of its steps. */
function isOfPlan(header: PreparedHeader, plan: Plan): boolean {
  if ('refused' in header) return plan.some(({ op }) => op === header.about)
  const steps = plan.filter((step) => step.op === 'image-tensor')
  const names = new Set(header.tensors.map(({ name }) => name))
  return (
    names.size === header.tensors.length &&
    header.tensors.length === steps.length &&
    steps.every(({ tensor, dtype, layout }) =>
      header.tensors.some(
        ({ name, dtype: type, dims }) =>
          name === tensor && type === dtype && dims.length === ranks[layout] && dims[0] === 1,
      ),
    )
  )
}

/** A product beyond 2^53 is inexact, and far beyond any limit. */
function tensorBytes(prepared: readonly PreparedHeader[]): number {
  const shapes = prepared.flatMap((each): readonly TensorShape[] => ('refused' in each ? [] : each.tensors))
  return shapes.reduce((sum, { dtype, dims }) => sum + elements(dims) * tensorArrays[dtype].BYTES_PER_ELEMENT, 0)
}

function elements(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}
