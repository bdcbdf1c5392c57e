import { z } from 'zod'
import { assessedOutputSchema, decisionSchema, providerName } from './contract.ts'
import { decisionIdSchema } from './request-schemas.ts'

/** A decision as the stream of events shows it; whose it is stands under `read` alone. */
export const liveDecisionSchema = z.strictObject({
  at: z.string(),
  slot: z.string(),
  display: z.string(),
  version: z.string(),
  clinicalStatus: z.string(),
  outcome: decisionSchema.shape.outcome,
  refusal: decisionSchema.shape.refusal,
  alert: z.boolean().nullable().meta({ description: 'Null for a refusal.' }),
  provider: providerName.nullable(),
  timings: decisionSchema.shape.timings,
  read: z
    .strictObject({
      decisionId: decisionIdSchema,
      subjectPseudonym: z.string(),
      narrative: z.string(),
      validUntil: z.string().nullable(),
      outputs: z.record(
        z.string(),
        assessedOutputSchema
          .omit({ dims: true, sha256: true })
          .extend({ role: z.enum(['score', 'probability', 'category']) }),
      ),
    })
    .nullable()
    .meta({ description: 'Null for a role that may not read decisions.' }),
})

/** The first event of every stream. */
export const helloSchema = z.strictObject({
  resumed: z
    .boolean()
    .meta({ description: 'False: forget what you have; the last decisions of this process follow, up to 200.' }),
})

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

export type LiveDecisionBody = DeepReadonly<z.infer<typeof liveDecisionSchema>>
