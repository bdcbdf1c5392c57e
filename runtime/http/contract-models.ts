import { z } from 'zod'
import { jobAnswer, listAnswer } from '../../models/store/control-channel.ts'
import { healthAnswerSchema } from './contract.ts'

/** The contract of looking after models: what runs, what is staged, and the jobs that change it. */
const finite = z.number()
const worker = healthAnswerSchema.shape.models.element.shape

const releaseSchema = z.strictObject({
  modelId: z.string(),
  display: z.string(),
  version: z.string(),
  releaseCounter: z.int(),
  packageHash: z.string(),
  clinicalStatus: z.enum(['research', 'silent', 'advisory']),
  intendedUse: z.string(),
  wards: z.array(z.string()),
  contraindications: z.array(z.string()),
  population: z.string(),
  validityMinutes: finite,
  deadlineMs: z.int(),
  licence: z.string(),
  provenance: z.string(),
  regulatory: z.strictObject({
    udiDi: z.string().nullable(),
    clearance: z.string().nullable(),
    pccp: z.string().nullable(),
  }),
  validation: z.strictObject({
    metrics: z.array(
      z.strictObject({
        name: z.string(),
        value: finite,
        low: finite.nullable(),
        high: finite.nullable(),
        on: z.string(),
      }),
    ),
    alertsPer100PatientDays: finite.nullable(),
    positivePredictiveValue: finite.nullable(),
  }),
  sourceAttributes: z
    .array(z.strictObject({ name: z.string(), text: z.string() }))
    .meta({ description: 'The 31 of 45 CFR 170.315(b)(11)(iv)(B), in the order of the rule.' }),
  threshold: z.strictObject({ output: z.string(), alertAt: finite, clearBelow: finite }).nullable(),
  explanation: z.strictObject({ method: z.string(), reason: z.string().nullable() }),
  outputs: z.array(
    z.strictObject({
      name: z.string(),
      display: z.string(),
      role: z.enum(['score', 'probability', 'category', 'tensor', 'segmentation', 'contributions']),
      unit: z.string(),
    }),
  ),
  providers: z.array(
    z.strictObject({ name: z.enum(['cuda', 'webgpu', 'cpu']), need: z.enum(['required', 'preferred']) }),
  ),
  memoryBytes: z.int(),
  card: z.string().nullable().meta({ description: 'The words of the maker; null when there are none to be shown.' }),
})

export const modelDetailSchema = z.strictObject({
  slot: z.string(),
  state: z.enum(['active', 'loading', 'unavailable']),
  fault: z.strictObject({ code: z.string(), message: z.string(), todo: z.string().nullable() }).nullable(),
  release: releaseSchema.nullable(),
  worker: z
    .strictObject({
      state: z.enum(['starting', 'ready', 'busy', 'waiting-to-restart', 'unloaded', 'stopped']),
      restarts: worker.restarts,
      lastFailure: z.string().nullable(),
      isolation: worker.isolation.unwrap(),
      provider: worker.provider,
    })
    .nullable(),
  selfTest: z
    .strictObject({
      at: z.string(),
      goldenVectors: z.int(),
      largestDifference: finite.nullable(),
      tolerance: finite,
      explanationDependsOnModel: z.boolean().nullable(),
      loadMs: z.int(),
    })
    .nullable()
    .meta({ description: 'What proved the release that runs, when it was loaded.' }),
})

export const modelStoreSchema = listAnswer.omit({ jobs: true })
export const modelJobSchema = jobAnswer.extend({
  todo: z.string().nullable().meta({ description: 'What a person can do about `code`.' }),
})
export const modelJobsSchema = z.strictObject({ jobs: z.array(modelJobSchema) })

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

export type ModelDetailBody = DeepReadonly<z.infer<typeof modelDetailSchema>>
export type ModelStoreBody = DeepReadonly<z.infer<typeof modelStoreSchema>>
export type ModelJobBody = DeepReadonly<z.infer<typeof modelJobSchema>>
export type ModelJobsBody = DeepReadonly<z.infer<typeof modelJobsSchema>>
