import { z } from 'zod'
import { accountSchema, codeSchema, sourceKinds } from './activation-channel.ts'
import { PACKAGE_HASH, SLOT_NAME } from './layout.ts'

/** What a local operator asks of the updater over its control socket. Work is a job: it is begun, asked after, and survives a crash. */

/**
 *     install    fetch a release, stage it and, unless told otherwise, make it run; answered at once with the job
 *     activate   make a staged release run
 *     rollback   go back to what ran before
 *     job        how one job fares
 *     cancel     give a job up that has not begun to change what runs
 *     remove     take a staged release out of the store
 *     list       what runs, what is staged, and the jobs
 */
export const controlMethods = ['install', 'activate', 'rollback', 'job', 'cancel', 'remove', 'list'] as const

const slot = z.string().regex(SLOT_NAME)
const packageHash = z.string().regex(PACKAGE_HASH)
const jobId = z.string().regex(/^[0-9a-f]{16}$/)

export const sourceSchema = z.discriminatedUnion('kind', [
  /** A folder with package.wspkg, image.json and grant.json. */
  z.strictObject({ kind: z.literal('directory'), path: z.string().min(1).max(4096) }),
  /** The URL of such a folder, without the file names. */
  z.strictObject({ kind: z.literal('https'), url: z.string().min(1).max(2048) }),
  /** The root of a mounted medium: the release is `wardstone/<name>/` below it. */
  z.strictObject({ kind: z.literal('usb'), path: z.string().min(1).max(4096) }),
])

/** `name` chooses one of several releases on a medium. With `activate` false the release is staged only. */
export const installRequest = z
  .strictObject({
    source: sourceSchema,
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,199}$/)
      .nullable(),
    activate: z.boolean(),
    by: accountSchema,
  })
  .refine(({ source, name }) => name === null || source.kind === 'usb')
export const activateReleaseRequest = z.strictObject({ package: packageHash, by: accountSchema })
export const rollbackRequest = z.strictObject({ slot, by: accountSchema })
export const jobRequest = z.strictObject({ job: jobId })
export const removeRequest = z.strictObject({ package: packageHash, by: accountSchema })
export const removeAnswer = z.strictObject({ package: packageHash })
export const listRequest = z.strictObject({})

export const jobSteps = ['fetch', 'verify', 'stage', 'prove', 'point', 'activate', 'prune'] as const

export const jobAnswer = z.strictObject({
  job: jobId,
  state: z.enum(['running', 'done', 'failed']),
  kind: z.enum(['install', 'activate', 'rollback']),
  source: z.enum(sourceKinds).nullable(),
  step: z.enum(jobSteps),
  /** What a job that runs waits for: that another job is through, or that the runtime answers. */
  waiting: z.enum(['turn', 'runtime']).nullable(),
  /** Of the fetch. */
  bytes: z.int(),
  totalBytes: z.int().nullable(),
  slot: slot.nullable(),
  package: packageHash.nullable(),
  version: z.string().nullable(),
  /**
   * Of a failure: its code, and what the operator can read about it, free of secrets. A job that has a code and still runs is
   * clearing away, or waits until the refusal stands in the runtime's log.
   */
  code: codeSchema.nullable(),
  message: z.string().max(1000).nullable(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
})

const releaseSchema = z.strictObject({
  package: packageHash,
  model: z.string(),
  version: z.string(),
  counter: z.int(),
  sizeBytes: z.int(),
  grantExpires: z.string(),
  revoked: z.boolean(),
})

export const listAnswer = z.strictObject({
  slots: z.array(
    z.strictObject({
      slot,
      /** What the pointer names; null when there is no pointer, or none that can be read, in a slot that the runtime knows. */
      package: packageHash.nullable(),
      /** What signed metadata say about it; null when the store has no sound copy. */
      active: releaseSchema.nullable(),
      previous: releaseSchema.nullable(),
      /** What the runtime says of the slot; null when it could not be asked. */
      state: z.enum(['loading', 'active', 'unavailable']).nullable(),
      running: packageHash.nullable(),
      fault: codeSchema.nullable(),
    }),
  ),
  staged: z.array(releaseSchema),
  /** The newest first. */
  jobs: z.array(jobAnswer),
})

export type Source = z.infer<typeof sourceSchema>
export type ControlMethod = (typeof controlMethods)[number]
export type InstallRequest = z.infer<typeof installRequest>
export type JobAnswer = z.infer<typeof jobAnswer>
export type JobStep = (typeof jobSteps)[number]
export type ListAnswer = z.infer<typeof listAnswer>
export type ReleaseSummary = z.infer<typeof releaseSchema>
