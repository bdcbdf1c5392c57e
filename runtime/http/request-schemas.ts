import { z } from 'zod'
import { MAX_RANK, MAX_WRITTEN_VALUES } from '../../models/contract/tensor-schema.ts'
import { purposes } from '../decisions/types.ts'
import { priorities } from '../inference/priority.ts'
import { MAX_BASE64_LENGTH } from './strict-json.ts'

/** What a request may say, wherever it stands: in its body, its address or a header. */
export const MAX_INPUTS = 256
export const MAX_OBSERVATIONS = 1000

/**
 * A text of at most `maxLength` characters. The length is held first, and ends the checks: what comes after it, such as
 * a normal form, may take quadratic time. It is held in UTF-16 units, of which a character has one or two.
 */
function text(maxLength: number, unitsPerCharacter: 1 | 2 = 1) {
  return z.string().max(maxLength * unitsPerCharacter, { abort: true })
}

export const slotSchema = text(64).regex(/^[a-z][a-z0-9-]{0,63}$/)
const inputName = text(64).regex(/^[a-z][a-z0-9-]{0,63}$/)
/** The name of an output, as the contract of a model has it. */
export const outputNameSchema = inputName
export const decisionIdSchema = text(36).regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
/** Printable: no control, format, private or unassigned characters, no line separators; no space at either end. */
export const subjectSchema = text(128, 2)
  .regex(/^(?! )[^\p{C}\p{Zl}\p{Zp}]{1,128}(?<! )$/u)
  // Two spellings of one name must not become two patients.
  .refine((text) => text === text.normalize('NFC') && text === text.trim())
  .meta({
    maxLength: 128,
    description: 'The patient as the sender knows them, in Unicode NFC. It appears in no answer, log or address.',
  })
const moment = text(40)
  .check(z.iso.datetime({ offset: true }))
  .regex(/T\d{2}:\d{2}:\d{2}/)
  // RFC 3339 §4.3: -00:00 says that the offset is not known.
  .regex(/(?<!-00:00)$/)
  .meta({ description: 'RFC 3339, with seconds and a known offset; -00:00 is none.' })
const finite = z.number()
const unit = text(32)
  .regex(/^[\x21-\x7e]{1,32}$/)
  .meta({ description: 'UCUM code, case-sensitive.' })
const dims = z.array(z.int().min(0)).max(MAX_RANK)
/** A tensor: small ones written out, in row-major order; all others as base64 of the little-endian bytes. */
const tensorValue = z.union([
  z.strictObject({
    dims,
    data: z
      .array(z.union([finite, z.boolean(), text(24)]))
      .max(MAX_WRITTEN_VALUES)
      .meta({
        description:
          'Integers beyond 2^53 as text; where the model takes them, "NaN", "Infinity" and "-Infinity" as text.',
      }),
  }),
  z.strictObject({ dims, base64: text(MAX_BASE64_LENGTH).meta({ description: 'Little-endian, row-major.' }) }),
])
const observedValue = z.union([finite, z.boolean(), text(128).regex(/^[\x20-\x7e]{1,128}$/), tensorValue])

const observation = z.strictObject({ value: observedValue, unit: unit.optional(), at: moment })
const singleObservation = z
  .strictObject({ value: observedValue, unit: unit.optional(), at: moment.optional() })
  .meta({ description: 'One observation; without `at` it is taken as made now.' })

export const purposeSchema = z.enum(purposes)
const purpose = purposeSchema.optional().meta({ description: 'Why it is asked; `treatment` when left out.' })
const priority = z.enum(priorities).optional().meta({
  description:
    'How urgent it is. Left out, who asks, what for and whether there is an image say it; a request can only be less urgent than that.',
})
const model = slotSchema.meta({ description: 'A slot of GET /v1/models.' })
const inputs = z
  .record(inputName, z.union([singleObservation, z.array(observation).min(1).max(MAX_OBSERVATIONS)]))
  .refine((inputs) => Object.keys(inputs).length <= MAX_INPUTS)
  .meta({ description: 'Observations by the input names of the model.', maxProperties: MAX_INPUTS })

export const decisionRequestSchema = z.strictObject({ model, subject: subjectSchema, purpose, priority, inputs })

/** The first part of a body in parts; the others are the files of the image. */
export const imageRequestSchema = z.strictObject({
  model,
  subject: subjectSchema.optional().meta({
    description:
      'As in a request without an image. Left out, PatientID of the DICOM files says it; where both say it, they must agree.',
  }),
  purpose,
  priority,
  inputs: inputs.optional().meta({ description: 'What the model takes besides the image.' }),
})

export const feedbackRequestSchema = z.strictObject({
  verdict: z.enum(['accept', 'override']),
  // What turns the order of letters around makes a text read as another (Unicode TR 36, 3.1.4).
  // Two tests of one pass each; one expression for both would try every place for the character that is to be seen.
  reason: text(2000)
    .regex(/^[^\p{Cc}\p{Cs}\p{Cn}\u202a-\u202e\u2066-\u2069]+$/u)
    .regex(/[^\p{C}\p{Z}]/u)
    .meta({ description: 'The clinician’s words, on one line; stored under the patient’s key only.' }),
})

const confirm = text(160)
  .regex(/^[a-z][a-z0-9-]{0,63} [0-9A-Za-z.-]{1,90}$/)
  .meta({ description: 'Slot and version of what would run afterwards, as in `news2 1.2.0`.' })

/** A change of what runs, of what the box has already. */
export const changeRequestSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('activate'), package: text(64).regex(/^[0-9a-f]{64}$/), confirm }),
  z.strictObject({ kind: z.literal('rollback'), slot: slotSchema, confirm }),
])

/** The first part of a body that brings a release. */
export const installRequestSchema = z.strictObject({
  kind: z.literal('install'),
  activate: z.boolean().meta({ description: 'False: it is proven and kept, and does not run yet.' }),
})

export const cancelRequestSchema = z.strictObject({})
export const jobIdSchema = text(16).regex(/^[0-9a-f]{16}$/)

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

export type DecisionRequestBody = DeepReadonly<z.infer<typeof decisionRequestSchema>>
export type ImageRequestBody = DeepReadonly<z.infer<typeof imageRequestSchema>>
export type ChangeRequestBody = DeepReadonly<z.infer<typeof changeRequestSchema>>
export type InstallRequestBody = DeepReadonly<z.infer<typeof installRequestSchema>>
export type FeedbackRequestBody = DeepReadonly<z.infer<typeof feedbackRequestSchema>>
