import { z } from 'zod'

/** What the reading of a decision says besides the decision itself. */
const finite = z.number()
const range = z.strictObject({ low: finite, high: finite })
const label = z.strictObject({ value: z.int(), code: z.string(), text: z.string() })
const mark = z.strictObject({ dtype: z.string(), dims: z.array(z.int().min(0)), sha256: z.string() })
const value = z
  .union([finite, z.string(), z.boolean(), mark])
  .meta({ description: 'Of a tensor its type, dimensions and hash.' })

export const shownInputSchema = z.strictObject({
  name: z.string(),
  display: z.string(),
  kind: z.enum(['quantity', 'code', 'boolean', 'tensor']),
  unit: z.string().nullable().meta({ description: 'Of `used`.' }),
  range: range.nullable(),
  labels: z.record(z.string(), z.string()).nullable().meta({ description: 'The words of a code.' }),
  sent: z
    .array(z.strictObject({ value, unit: z.string().nullable(), at: z.string() }))
    .meta({ description: 'As it came, oldest first.' }),
  used: z.array(z.strictObject({ value, at: z.string() })).meta({ description: 'As the model took it, oldest first.' }),
  flags: z.array(z.string()),
  contribution: z.string().nullable().meta({ description: 'Under which name it is part of the explanation.' }),
})

const layout = z.enum(['NCHW', 'NHWC', 'NCDHW', 'NDHWC'])
export const shownImageSchema = z.strictObject({
  display: z.string(),
  format: z.enum(['dicom', 'nifti']),
  frames: z.int().min(0),
  rows: z.int().min(0),
  columns: z.int().min(0),
  photometric: z.enum(['MONOCHROME1', 'MONOCHROME2', 'RGB']),
  pixelSpacingMm: z.tuple([finite, finite]).nullable(),
  modality: z.string().nullable(),
  bodyPart: z.string().nullable(),
  viewPosition: z.string().nullable(),
  files: z.array(z.strictObject({ sha256: z.string(), bytes: z.int().min(0) })),
  seen: z
    .strictObject({
      dtype: z.enum(['float32', 'uint8']),
      layout,
      dims: z.array(z.int().min(0)),
      kept: z.boolean().meta({ description: 'Whether GET /v1/decisions/{id}/image has it.' }),
    })
    .nullable()
    .meta({ description: 'What the model saw; null when a step of its preparation refused the image.' }),
  gates: z.array(
    z.strictObject({
      model: z.string(),
      version: z.string(),
      output: z.string(),
      value: finite.nullable(),
      passed: z.boolean(),
      reason: z.string(),
      refusal: z.string().nullable().meta({ description: 'The code with which the gate itself refused the image.' }),
    }),
  ),
})

export const shownContractSchema = z.strictObject({
  outputs: z.record(z.string(), z.strictObject({ range: range.nullable(), labels: z.array(label).nullable() })),
  validityMinutes: z.number(),
})
