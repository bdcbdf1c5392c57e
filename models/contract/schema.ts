import { z } from 'zod'
import { finite, minutes, name, perColumn, text } from './fields.ts'
import { imageOps, imageSchema } from './image/image-schema.ts'
import { seriesOps } from './ops/series-schema.ts'
import { outputOp } from './output-ops/output-schema.ts'
import { sentTensor, tensorFields, tensorInputFields } from './tensor-schema.ts'

/** The part of the manifest that says what a model takes, how it is fed, what it says and how that is explained. */
const terminologyCode = z.strictObject({
  system: z.enum(['LOINC', 'MDC', 'SNOMED', 'DICOM']),
  code: z.string().regex(/^[A-Za-z0-9._-]{1,32}$/),
})

const guardAction = z.enum(['refuse', 'treat-as-missing', 'flag'])

const inputBase = {
  name,
  display: text,
  codes: z.array(terminologyCode).max(16),
  /** More than one observation over time is accepted; the preprocessing says how they are used. */
  series: z.boolean(),
  /** `refuse`: essential, no decision without it. `allow`: the model was trained with it missing. */
  onMissing: z.enum(['refuse', 'allow']),
  /** An observation older than this, in minutes before the decision, is stale. */
  maxAgeMinutes: minutes,
  onStale: guardAction,
}

const quantityInput = z.strictObject({
  ...inputBase,
  kind: z.literal('quantity'),
  /** UCUM code (case-sensitive form) the model is fed in. */
  unit: z.string().min(1).max(32),
  /** Allows conversion between mass and amount of substance, in g/mol. */
  molarMass: finite.positive().optional(),
  /** Charges per particle; allows conversion between equivalents (meq/L) and amount of substance (mmol/L). */
  valence: z.int().positive().max(8).optional(),
  /** Plausible range in `unit`, inclusive, checked before rounding. */
  range: z.strictObject({ low: finite, high: finite }),
  onImplausible: guardAction,
  /**
   * Largest plausible change within an hour, in `unit`; over a longer time as much more. An observation that differs
   * from the one before it by more is abrupt.
   */
  change: z.strictObject({ perHour: finite.positive(), onAbrupt: guardAction }).optional(),
  /** Rounded to this many decimals, half away from zero, after conversion and before use. */
  decimals: z.int().min(0).max(6).optional(),
})

const codeInput = z.strictObject({
  ...inputBase,
  kind: z.literal('code'),
  values: z
    .array(z.strictObject({ code: z.string().regex(/^[A-Za-z0-9-]{1,32}$/), display: text }))
    .min(1)
    .max(64),
  /** Taken when the input is not sent; recorded as such. */
  default: z.string().optional(),
})

const booleanInput = z.strictObject({ ...inputBase, kind: z.literal('boolean') })

/** A whole tensor for the model as it is; the preprocessing op `pass` hands it on. */
const tensorInput = z.strictObject({
  ...inputBase,
  kind: z.literal('tensor'),
  ...tensorInputFields,
  onImplausible: guardAction,
})

export const inputSpec = z.discriminatedUnion('kind', [quantityInput, codeInput, booleanInput, tensorInput])

export const populationSchema = z.strictObject({
  description: text,
  /** A named input must be at least (quantity) or must equal (code, boolean) this; else `population_excluded`. */
  criteria: z
    .array(
      z.discriminatedUnion('rule', [
        z.strictObject({ rule: z.literal('at-least'), input: name, value: finite, reason: text }),
        z.strictObject({ rule: z.literal('at-most'), input: name, value: finite, reason: text }),
        z.strictObject({
          rule: z.literal('equals'),
          input: name,
          value: z.union([z.string(), z.boolean()]),
          reason: text,
        }),
      ]),
    )
    .max(32),
})

/**
 * Preprocessing: a list of versioned ops over named matrices (rows × columns, NaN = missing). Each reads `from`, writes
 * `to`; the last ones make the model's tensors. Those on images begin with `image-` and have names of their own.
 */
export const preprocessingOp = z.discriminatedUnion('op', [
  /** One row per hour before the decision, oldest first; a cell is the latest observation of that hour. `hours` 1 = the latest observation of all. */
  z.strictObject({
    op: z.literal('observe'),
    version: z.literal(1),
    inputs: z.array(name).min(1).max(256),
    hours: z.int().min(1).max(336),
    to: name,
  }),
  /** Code inputs become their index in `values`, booleans 0 or 1: done by `observe`. A missing cell takes the row above's value. */
  z.strictObject({ op: z.literal('carry-forward'), version: z.literal(1), from: name, to: name }),
  /** Keeps the last row. */
  z.strictObject({ op: z.literal('last-row'), version: z.literal(1), from: name, to: name }),
  /** 1 where measured, 0 where missing. */
  z.strictObject({ op: z.literal('mask'), version: z.literal(1), from: name, to: name }),
  /** A missing cell takes its column's constant. */
  z.strictObject({ op: z.literal('fill'), version: z.literal(1), from: name, to: name, values: perColumn(finite) }),
  /** (x − mean) / sd per column. */
  z.strictObject({
    op: z.literal('standardize'),
    version: z.literal(1),
    from: name,
    to: name,
    mean: perColumn(finite),
    sd: perColumn(finite.positive()),
  }),
  /** Limits each column to low … high. */
  z.strictObject({
    op: z.literal('clip'),
    version: z.literal(1),
    from: name,
    to: name,
    low: perColumn(finite),
    high: perColumn(finite),
  }),
  /** Puts matrices of equal row count side by side. */
  z.strictObject({ op: z.literal('concatenate'), version: z.literal(1), from: z.array(name).min(1).max(64), to: name }),
  ...seriesOps,
  ...imageOps,
  /** Gives an input of kind `tensor` to the model's input `tensor` as it was sent. */
  z.strictObject({ op: z.literal('pass'), version: z.literal(1), input: name, tensor: z.string().min(1).max(64) }),
  /** A float32 tensor of shape [rows, columns] for the model's input `tensor`. A missing value left here is a fault of the package. */
  z.strictObject({ op: z.literal('tensor'), version: z.literal(1), from: name, tensor: z.string().min(1).max(64) }),
])

const outputBase = { name, display: text, tensor: z.string().min(1).max(64), unit: z.string().min(1).max(32) }

export const outputSpec = z.discriminatedUnion('role', [
  /** A number the clinician reads, one value. */
  z.strictObject({
    ...outputBase,
    role: z.literal('score'),
    range: z.strictObject({ low: finite, high: finite }),
    decimals: z.int().min(0).max(6),
  }),
  /** A probability, one value 0 … 1, calibrated before use. */
  z.strictObject({ ...outputBase, role: z.literal('probability') }),
  /** One value that is one of these, in words. */
  z.strictObject({
    ...outputBase,
    role: z.literal('category'),
    labels: z
      .array(z.strictObject({ value: z.int(), code: name, text }))
      .min(1)
      .max(256),
  }),
  /** The model's own numbers, all of them, with their dimensions. */
  z.strictObject({ ...outputBase, role: z.literal('tensor'), ...tensorFields }),
  /** A label for every element of an image or volume: counted here, and kept whole with the record. */
  z.strictObject({
    ...outputBase,
    role: z.literal('segmentation'),
    labels: z
      .array(z.strictObject({ value: z.int().min(0).max(255), code: name, text }))
      .min(2)
      .max(256),
  }),
  /** One value per named input or group: what each contributed. */
  z.strictObject({ ...outputBase, role: z.literal('contributions'), of: z.array(name).min(1).max(256) }),
])

export const calibrationSchema = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('none') }),
  /** p' = 1 / (1 + exp(−(slope·logit(p) + intercept))) (Platt 1999). */
  z.strictObject({ method: z.literal('platt'), slope: finite, intercept: finite }),
  /** Straight lines between these points, level beyond them; both rise (Zadrozny and Elkan 2002). */
  z.strictObject({
    method: z.literal('isotonic'),
    points: z
      .array(z.strictObject({ raw: z.number().min(0).max(1), calibrated: z.number().min(0).max(1) }))
      .min(2)
      .max(1024),
  }),
])

/** Alert when the named output (score, probability or category value) is at or above `alertAt`; `clearBelow` is the hysteresis. */
export const thresholdSchema = z.strictObject({ output: name, alertAt: finite, clearBelow: finite })

const seed = z
  .int()
  .min(0)
  .max(2 ** 32 - 1)
/** So many images the model takes at once, where its batch is free; one when not given. */
const batch = z.int().min(1).max(256).optional()

export const explanationSchema = z.discriminatedUnion('method', [
  /** The model itself puts out what each input contributed; they add up to `total`. */
  z.strictObject({ method: z.literal('model-output'), output: name, total: name }),
  /** Exact Shapley values (Shapley 1953) of an output over groups of tensor columns against a fixed baseline row. */
  z.strictObject({
    method: z.literal('exact-shapley'),
    output: name,
    tensor: z.string().min(1).max(64),
    groups: z
      .array(z.strictObject({ name, display: text, columns: perColumn(z.int().min(0)).min(1) }))
      .min(1)
      .max(12),
    baseline: perColumn(finite).min(1),
    budgetMs: z.int().positive(),
  }),
  /** Shapley values sampled over seeded orders, each walked forwards and backwards, against the mean of background rows. */
  z.strictObject({
    method: z.literal('permutation-shapley'),
    output: name,
    tensor: z.string().min(1).max(64),
    groups: z
      .array(z.strictObject({ name, display: text, columns: perColumn(z.int().min(0)).min(1) }))
      .min(2)
      .max(256),
    background: z.array(perColumn(finite).min(1)).min(1).max(64),
    seed,
    permutations: z.int().min(2).max(4096),
    budgetMs: z.int().positive(),
  }),
  /** A map that an op `class-activation-map` made: [1, rows, columns]. */
  z.strictObject({
    method: z.literal('class-activation-map'),
    output: name,
    map: z.string().min(1).max(64),
    /** The image as the model took it, and what a place is covered with to see whether the map tells the truth. */
    tensor: z.string().min(1).max(64),
    fill: finite,
    seed,
    batch,
    budgetMs: z.int().positive(),
  }),
  /** How much the output falls when a place of the image is covered (Zeiler and Fergus 2014), on a grid shifted by the seed. */
  z.strictObject({
    method: z.literal('occlusion'),
    output: name,
    /** [1, channels, rows, columns] or [1, rows, columns, channels], float32. */
    tensor: z.string().min(1).max(64),
    layout: z.enum(['NCHW', 'NHWC']),
    rows: z.int().min(2).max(32),
    columns: z.int().min(2).max(32),
    fill: finite,
    seed,
    batch,
    budgetMs: z.int().positive(),
  }),
  z.strictObject({ method: z.literal('none'), reason: text }),
])

export const contractSchema = z.strictObject({
  /** May be empty where there is an image. */
  inputs: z.array(inputSpec).max(256),
  image: imageSchema.optional(),
  population: populationSchema,
  preprocessing: z.array(preprocessingOp).min(1).max(256),
  postprocessing: z.array(outputOp).max(64).optional(),
  outputs: z.array(outputSpec).min(1).max(64),
  calibration: calibrationSchema,
  threshold: thresholdSchema.nullable(),
  explanation: explanationSchema,
  /** How long a result holds, in minutes after the decision. */
  validityMinutes: minutes,
  /** The time a decision may take before it is refused, in milliseconds. */
  deadlineMs: z.int().min(10).max(600_000),
})

const MAX_GOLDEN_IMAGE = 4 * 1024 * 1024

/** Golden vectors live in a file of role `golden-vectors`: synthetic inputs at the contract's level and what must come out. */
export const goldenVectorsSchema = z.strictObject({
  version: z.literal(1),
  vectors: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(128),
        /** One file, DICOM or NIfTI, as base64: drawn, never a patient's. */
        image: z
          .string()
          .min(1)
          .max(MAX_GOLDEN_IMAGE)
          .regex(/^[A-Za-z0-9+/]+={0,2}$/)
          .optional(),
        inputs: z.record(
          name,
          z.array(
            z.strictObject({
              value: z.union([finite, z.string(), z.boolean(), sentTensor]),
              unit: z.string().optional(),
              ageMinutes: z.number().min(0),
            }),
          ),
        ),
        expect: z.union([
          z.strictObject({ refused: z.string(), about: z.string().optional() }),
          z.strictObject({ outputs: z.record(name, z.array(finite)), alert: z.boolean() }),
        ]),
      }),
    )
    .min(1)
    .max(10_000),
})

export type Contract = z.infer<typeof contractSchema>
export type InputSpec = z.infer<typeof inputSpec>
export type OutputSpec = z.infer<typeof outputSpec>
export type PreprocessingOp = z.infer<typeof preprocessingOp>
export type Calibration = z.infer<typeof calibrationSchema>
export type Threshold = z.infer<typeof thresholdSchema>
export type ExplanationSpec = z.infer<typeof explanationSchema>
export type GoldenVectors = z.infer<typeof goldenVectorsSchema>
