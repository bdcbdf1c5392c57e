import { z } from 'zod'
import { type RefusalCode, refusals } from '../../models/contract/errors.ts'
import { type ImageErrorCode, imageErrors } from './errors.ts'
import { isImagePlace } from './places.ts'
import { type AnswerHeader, MAX_PLANS } from './protocol.ts'

/**
 * What a decoder may answer. It has read hostile bytes and may be in their hands: nothing of it is believed that is not
 * held against this, and no text passes but codes and identifiers.
 */
const code = z.string().regex(/^[A-Z0-9 _]{1,16}$/)
const uid = z.string().regex(/^[0-9.]{1,64}$/)
/** As the decoder reads it (dicom/character-set.ts): trimmed, with nothing in it that steers a terminal or a page. */
const text = z
  .string()
  .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,64}$/u)
  .refine((value) => value === value.trim())
const finite = z.number()
const count = z
  .int()
  .min(1)
  .max(2 ** 31)
const place = z.int().min(0).max(1_000_000)
const triple = z.tuple([finite, finite, finite])
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.optional()

const frameFact = z.strictObject({
  rescaleSlope: finite,
  rescaleIntercept: finite,
  windows: z.array(z.strictObject({ center: finite, width: z.number().positive() })).max(8),
  position: optional(triple),
  orientation: optional(z.array(finite).length(6)),
  file: place,
  frame: place,
})

const attributes = z.strictObject({
  modality: optional(code),
  bodyPart: optional(code),
  viewPosition: optional(code),
  laterality: optional(z.enum(['L', 'R', 'B', 'U'])),
  patientOrientation: z.array(z.string().regex(/^[APLRHF]{1,3}$/)).max(2),
  patientPosition: optional(code),
  patientAgeYears: optional(z.number().min(0).max(1000)),
  patientSex: optional(z.enum(['M', 'F', 'O'])),
  conversionType: optional(code),
  presentationIntent: optional(code),
  imageType: z.array(code).max(8),
  burnedInAnnotation: optional(z.boolean()),
  lossyCompressed: optional(z.boolean()),
  presentationLutShape: optional(code),
  sourcePhotometric: optional(code),
  sopClassUid: optional(uid),
  transferSyntaxUid: optional(uid),
})

const facts = z.strictObject({
  format: z.enum(['dicom', 'nifti']),
  frames: count,
  rows: count,
  columns: count,
  samplesPerPixel: z.union([z.literal(1), z.literal(3)]),
  bitsAllocated: z.union([z.literal(8), z.literal(16), z.literal(32), z.literal(64)]),
  bitsStored: z.int().min(1).max(64),
  isSigned: z.boolean(),
  isFloat: z.boolean(),
  photometric: z.enum(['MONOCHROME1', 'MONOCHROME2', 'RGB']),
  frameFacts: z.array(frameFact).max(1_000_000),
  pixelSpacingMm: optional(z.tuple([z.number().positive(), z.number().positive()])),
  spacingIn: optional(z.enum(['patient', 'detector'])),
  voiFunction: z.enum(['LINEAR', 'LINEAR_EXACT', 'SIGMOID']),
  volume: optional(
    z.strictObject({ affineRas: z.array(finite).length(12), spacingMm: triple, hasOrientation: z.boolean() }),
  ),
  attributes,
})

const identity = z.strictObject({
  patientId: optional(text),
  isPatientUnreadable: z.boolean(),
  accessionNumber: optional(text),
  studyInstanceUid: optional(uid),
  seriesInstanceUid: optional(uid),
  sopInstanceUids: z.array(uid).max(1_000_000),
})

const lut = z.strictObject({ first: z.int().min(-65_536).max(65_535), bitsPerEntry: z.int().min(8).max(16) })

/** What only we can say of a request: that it came too late, or that there is no room for it. */
const ours: readonly string[] = ['image_deadline', 'image_decoder_overloaded', 'image_decoder_unavailable']
const failureCodes = Object.keys(imageErrors).filter((code) => !ours.includes(code))

/** A step refuses the image, and nothing else of a request. */
const imageRefusals = Object.keys(refusals).filter((code) => code.startsWith('image_'))

const dimensions = z.array(count).min(1).max(8)

const prepared = z.union([
  z.strictObject({
    tensors: z
      .array(z.strictObject({ name: z.string().min(1).max(64), dtype: z.enum(['float32', 'uint8']), dims: dimensions }))
      .min(1)
      .max(256),
  }),
  z.strictObject({
    refused: z.enum(imageRefusals as [RefusalCode, ...RefusalCode[]]),
    about: z.string().min(1).max(64),
  }),
])

const header = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('failed'),
    code: z.enum(failureCodes as [ImageErrorCode, ...ImageErrorCode[]]),
    about: optional(z.string().refine(isImagePlace)),
  }),
  z.strictObject({
    kind: z.literal('decoded'),
    facts,
    identity,
    luts: z.strictObject({ modalityLut: optional(lut), voiLut: optional(lut) }),
    sections: z
      .array(
        z.strictObject({ name: z.enum(['pixels', 'modalityLut', 'voiLut']), type: z.string().max(16), length: count }),
      )
      .min(1)
      .max(3),
  }),
  z.strictObject({ kind: z.literal('prepared'), facts, identity, prepared: z.array(prepared).max(MAX_PLANS) }),
])

/** A frame says where it lies and has eight windows at most: some forty places. */
const PLACES_PER_FRAME = 64
const PLACES_BESIDES = 16_384

/** @returns undefined for anything else. */
export function readAnswerHeader(bytes: Uint8Array, maxFrames: number): AnswerHeader | undefined {
  if (placesIn(bytes) > PLACES_BESIDES + PLACES_PER_FRAME * maxFrames) return undefined
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
  } catch {
    return undefined
  }
  const parsed = header.safeParse(value)
  return parsed.success ? (parsed.data as AnswerHeader) : undefined
}

/** At least as many as the text has objects, lists and entries: a few megabytes of brackets would become hundreds of megabytes of objects. */
function placesIn(bytes: Uint8Array): number {
  let places = 0
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index]
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) places += 1
  }
  return places
}
