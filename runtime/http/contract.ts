import { z } from 'zod'
import { deviceState } from '../../device/outbound/device-state.ts'
import { severities } from '../../device/platform/concern.ts'
import { actions } from '../access/policy.ts'
import { roles } from '../access/principal.ts'
import { passReasons } from '../inference/types.ts'
import { shownContractSchema, shownImageSchema, shownInputSchema } from './contract-reading.ts'
import { decisionIdSchema } from './request-schemas.ts'

/**
 * The contract of the API: every body that goes out (what comes in is in request-schemas.ts), checked at run time in both
 * directions. The OpenAPI document is generated from it, and the types of the web pages are inferred from it.
 */
export const API_VERSION = '1.0.0'

const finite = z.number()

export const auditPositionSchema = z.strictObject({
  origin: z.string(),
  leafIndex: z.int().min(0),
  leafHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .meta({ description: 'SHA-256(0x00 ‖ leaf), RFC 6962 §2.1.' }),
})

export const providerName = z.enum(['cpu', 'cuda', 'webgpu'])
const providerSchema = z.strictObject({
  provider: providerName,
  runtime: z.string(),
  threads: z.int().min(1),
  nodes: z
    .strictObject({ cpu: z.int().min(0), cuda: z.int().min(0), webgpu: z.int().min(0) })
    .nullable()
    .meta({
      description: 'Nodes of the graph by who ran them in the profiled warm-up; null when they were not counted.',
    }),
  passedOver: z
    .array(z.strictObject({ provider: providerName, reason: z.enum(passReasons), about: z.string() }))
    .meta({ description: 'Providers that the package prefers, and why each does not run it here.' }),
})

export const assessedOutputSchema = z.strictObject({
  role: z.enum(['score', 'probability', 'category', 'tensor', 'segmentation', 'contributions']),
  display: z.string(),
  unit: z.string(),
  values: z.array(finite).meta({
    description:
      'Of a segmentation: how many elements have each label, in the order of the model’s labels. The labels themselves: GET /v1/decisions/{id}/outputs/{name}.',
  }),
  label: z.strictObject({ code: z.string(), text: z.string() }).nullable(),
  dims: z
    .array(z.int().min(0))
    .optional()
    .meta({ description: 'How the values of a tensor, or the labels of a segmentation, lie, row-major.' }),
  sha256: z
    .string()
    .optional()
    .meta({ description: 'Of the labels of a segmentation, one byte for each element, row-major.' }),
})

const assessmentSchema = z.strictObject({
  outputs: z.record(z.string(), assessedOutputSchema),
  threshold: z
    .strictObject({ output: z.string(), alertAt: finite, clearBelow: finite.optional() })
    .nullable()
    .meta({ description: 'An alert begins at `alertAt`, and stands until the output is below `clearBelow`.' }),
  alert: z.boolean(),
})

const explanationMapSchema = z.strictObject({
  rows: z.int().min(1),
  columns: z.int().min(1),
  values: z.array(finite).meta({ description: 'One for each place, row-major.' }),
  rowEdges: z.array(z.int().min(0)).meta({
    description:
      'Where the places begin and end in rows of the image as the model took it: one more than there are places.',
  }),
  columnEdges: z.array(z.int().min(0)),
})

const deletionSchema = z
  .strictObject({ score: finite, random: finite, steps: z.int().min(1), fill: finite, seed: z.int().min(0) })
  .meta({
    description:
      'The mean output while places are covered, those first that the map says contributed most (`score`), and in an order drawn from the seed (`random`). A score below `random` speaks for the map.',
  })

const explanationSchema = z.strictObject({
  method: z
    .enum([
      'model-output',
      'exact-shapley',
      'permutation-shapley',
      'class-activation-map',
      'occlusion',
      'pending',
      'none',
    ])
    .meta({ description: '`pending`: it takes longer than the decision may wait; read the decision again for it.' }),
  of: z.string(),
  contributions: z.array(
    z.strictObject({ name: z.string(), display: z.string(), value: finite, standardError: finite.optional() }),
  ),
  baseline: finite.nullable(),
  residual: finite,
  reason: z.string().nullable(),
  sampling: z
    .strictObject({ seed: z.int().min(0), permutations: z.int().min(2), backgroundRows: z.int().min(1) })
    .optional(),
  map: explanationMapSchema
    .optional()
    .meta({ description: 'What each place of the image contributed to the output; there are no contributions then.' }),
  deletion: deletionSchema.optional(),
})

export const decisionSchema = z.strictObject({
  decisionId: decisionIdSchema,
  subjectPseudonym: z.string(),
  model: z.strictObject({
    id: z.string(),
    version: z.string(),
    packageHash: z.string(),
    clinicalStatus: z.string(),
  }),
  decidedAt: z.string(),
  outcome: z.enum(['scored', 'refused']),
  refusal: z.strictObject({ code: z.string(), about: z.string().nullable(), message: z.string() }).nullable(),
  assessment: assessmentSchema.nullable(),
  flags: z.array(z.strictObject({ input: z.string(), flag: z.string(), about: z.string().optional() })),
  explanation: explanationSchema.nullable(),
  narrative: z.string(),
  validUntil: z.string().nullable().meta({ description: 'When the result stops to hold; null for a refusal.' }),
  provider: providerSchema.nullable(),
  timings: z.record(z.string(), finite).meta({ description: 'Microseconds per step of the path.' }),
  advisory: z.string(),
})

export const errorSchema = z.strictObject({
  code: z.string().meta({ description: 'A code of docs/errors.md.' }),
  message: z.string().meta({ description: 'Fixed text; it never repeats what was sent.' }),
  about: z.string().optional().meta({ description: 'Names of the contract that the error is about.' }),
  retryAfterSeconds: z.int().min(1).optional(),
  requestId: z.string(),
})

export const errorAnswerSchema = z.strictObject({ error: errorSchema })
export const decisionAnswerSchema = z.strictObject({ decision: decisionSchema, audit: auditPositionSchema })
export const refusedAnswerSchema = z.strictObject({
  decision: decisionSchema,
  audit: auditPositionSchema,
  error: errorSchema,
})

const feedbackEntrySchema = z.strictObject({
  feedbackId: decisionIdSchema,
  verdict: z.enum(['accept', 'override']),
  reason: z.string(),
  by: z.string(),
  at: z.string(),
  audit: auditPositionSchema,
})

export const decisionReadAnswerSchema = z.strictObject({
  decision: decisionSchema,
  audit: auditPositionSchema,
  explained: z
    .strictObject({ explanation: explanationSchema, at: z.string(), audit: auditPositionSchema })
    .nullable()
    .meta({ description: 'The explanation of a decision that said `pending`, once it is there.' }),
  feedback: z.array(feedbackEntrySchema),
  inputs: z.array(shownInputSchema).meta({
    description: 'In the order of the model’s contract; by the names on record where the package that decided is gone.',
  }),
  contract: shownContractSchema
    .nullable()
    .meta({ description: 'What is needed to draw the result; null when the package that decided is gone.' }),
  image: shownImageSchema.nullable(),
})

export const feedbackAnswerSchema = z.strictObject({ feedbackId: decisionIdSchema, audit: auditPositionSchema })

export const modelSummarySchema = z.strictObject({
  slot: z.string(),
  state: z.enum(['active', 'unavailable']),
  fault: z.string().nullable().meta({
    description:
      'What keeps the model from running; with state `active`, what keeps the release that the store names from taking its place.',
  }),
  candidate: z
    .strictObject({ version: z.string(), packageHash: z.string() })
    .nullable()
    .meta({ description: 'A release that has been proven on this box and may take the slot.' }),
  modelId: z.string(),
  version: z.string().nullable(),
  packageHash: z.string().nullable(),
  clinicalStatus: z.string().nullable(),
  display: z.string().nullable(),
  intendedUse: z.string().nullable(),
  validityMinutes: z.number().nullable(),
  inputs: z.array(
    z.strictObject({
      name: z.string(),
      display: z.string(),
      kind: z.enum(['quantity', 'code', 'boolean', 'tensor']),
      unit: z.string().nullable(),
      range: z.strictObject({ low: finite, high: finite }).nullable(),
      values: z.array(z.string()).nullable(),
      tensor: z
        .strictObject({ dtype: z.string(), dims: z.array(z.union([z.int(), z.strictObject({ max: z.int() })])) })
        .nullable()
        .meta({ description: 'What a tensor must be; a free size has the most that it may be.' }),
      series: z.boolean(),
      required: z.boolean(),
      maxAgeMinutes: z.number(),
    }),
  ),
  image: z
    .strictObject({
      name: z.string(),
      display: z.string(),
      form: z.enum(['image', 'volume']).meta({ description: '`image`: one frame. `volume`: slices of one block.' }),
      formats: z.array(z.enum(['dicom', 'nifti'])),
    })
    .nullable()
    .meta({ description: 'The image that the model takes; null when it takes none.' }),
})

export const modelsAnswerSchema = z.strictObject({ models: z.array(modelSummarySchema) })

export const healthAnswerSchema = z.strictObject({
  status: z.enum(['ready', 'degraded', 'unavailable']),
  faults: z.array(z.string()),
  alarms: z
    .array(
      z.strictObject({
        code: z.string(),
        severity: z.enum(severities).meta({
          description:
            '`stop`: something does not decide. `limit`: it decides, less well or less safely. `watch`: see to it soon.',
        }),
        slot: z.string().nullable(),
        text: z.string(),
        todo: z.string(),
        since: z.string().nullable().meta({ description: 'When this process first saw it.' }),
      }),
    )
    .meta({ description: 'The faults, and what is wrong with the machine, each with what to do; the worst first.' }),
  release: z.string(),
  logSize: z.int().min(0),
  models: z.array(
    z.strictObject({
      slot: z.string(),
      state: z.enum(['starting', 'ready', 'busy', 'waiting-to-restart', 'unloaded', 'stopped', 'unavailable']),
      restarts: z.int().min(0),
      isolation: z
        .strictObject({
          level: z.enum(['systemd', 'bubblewrap', 'plain']),
          networkIsolated: z.boolean(),
          memoryLimitBytes: z.int().nullable(),
          reason: z.string(),
        })
        .nullable(),
      provider: providerSchema.nullable(),
    }),
  ),
})

const bytes = z.int().min(0)
const gpuSchema = z.strictObject({
  index: z.int().min(0),
  name: z.string(),
  utilisationPercent: finite.nullable(),
  memoryUsedBytes: bytes.nullable(),
  memoryTotalBytes: bytes.nullable(),
  temperatureCelsius: finite.nullable(),
})

const deviceSampleSchema = z.strictObject({
  at: z.string(),
  uptimeSeconds: z.int().min(0).nullable(),
  cpu: z.strictObject({
    cores: z.int().min(1).nullable(),
    loadPercent: finite.nullable().meta({ description: 'Mean since the sample before; null in the first.' }),
  }),
  memory: z.strictObject({ totalBytes: bytes, availableBytes: bytes }).nullable(),
  disks: z.array(z.strictObject({ path: z.string(), totalBytes: bytes.nullable(), freeBytes: bytes.nullable() })),
  temperatureCelsius: finite.nullable().meta({ description: 'The hottest sensor of processors and drives.' }),
  gpus: z.array(gpuSchema),
  missing: z
    .array(
      z.strictObject({
        source: z.enum(['cpu', 'memory', 'uptime', 'disk', 'temperature', 'gpu']),
        why: z.string(),
        isAbsent: z.boolean().meta({ description: 'True when the machine does not have it.' }),
      }),
    )
    .meta({ description: 'What could not be read, and why.' }),
})

const findingSchema = z.strictObject({
  question: z.string().meta({ description: 'What `answer` answers.' }),
  answer: z.enum(['yes', 'no', 'cannot tell']),
  isFault: z.boolean(),
  why: z.string(),
  todo: z.string().nullable(),
})

export const deviceAnswerSchema = z.strictObject({
  at: z.string(),
  sample: deviceSampleSchema.nullable().meta({ description: 'Null until the first sample is taken.' }),
  buckets: deviceState
    .omit({ posture: true, modelsActive: true, modelsDown: true })
    .extend({ gpus: z.int().min(0).max(15) })
    .meta({ description: 'All that is said of the machine to the fleet.' }),
  posture: z.strictObject({
    secureBoot: findingSchema,
    diskEncryption: findingSchema,
    tpm: findingSchema,
    swap: findingSchema,
    coreDumps: findingSchema,
  }),
  identity: z.strictObject({
    state: z.enum(['in force', 'not yet valid', 'expired', 'unusable', 'none']),
    commonName: z.string().nullable(),
    fingerprint: z.string().nullable(),
    notBefore: z.string().nullable(),
    notAfter: z.string().nullable(),
    daysLeft: z.int().nullable(),
    renewAt: z.string().nullable(),
    renewal: z.enum(['not due', 'requested', 'refused', 'failed', 'none']),
    request: z.string().nullable().meta({ description: 'Path of the request that waits for a certificate.' }),
    about: z.string().nullable(),
  }),
  faults: z.array(z.string()).meta({ description: 'What is wrong and what to do; docs/operations.md says more.' }),
})

export const whoAmIAnswerSchema = z.strictObject({
  clientId: z.string(),
  role: z.enum(roles),
  actions: z.array(z.enum(actions)).meta({ description: 'What the policy of this box allows the role.' }),
})

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

export type DecisionAnswerBody = DeepReadonly<z.infer<typeof decisionAnswerSchema>>
export type RefusedAnswerBody = DeepReadonly<z.infer<typeof refusedAnswerSchema>>
export type DecisionReadAnswerBody = DeepReadonly<z.infer<typeof decisionReadAnswerSchema>>
export type FeedbackAnswerBody = DeepReadonly<z.infer<typeof feedbackAnswerSchema>>
export type ModelsAnswerBody = DeepReadonly<z.infer<typeof modelsAnswerSchema>>
export type HealthAnswerBody = DeepReadonly<z.infer<typeof healthAnswerSchema>>
export type DeviceAnswerBody = DeepReadonly<z.infer<typeof deviceAnswerSchema>>
export type WhoAmIAnswerBody = DeepReadonly<z.infer<typeof whoAmIAnswerSchema>>
export type ErrorAnswerBody = DeepReadonly<z.infer<typeof errorAnswerSchema>>
