import { z } from 'zod'
import { canonicalBytes, parseCanonical } from '../../device/platform/canonical-json.ts'
import { accountSchema, codeSchema } from '../../models/store/activation-channel.ts'
import { type JobAnswer, jobSteps, sourceSchema } from '../../models/store/control-channel.ts'
import { EVENT_ID, PACKAGE_HASH, SLOT_NAME } from '../../models/store/layout.ts'

/** Names the record of a job inside its folder. */
export const JOB_FILE = 'job.json'
export const JOB_ID: RegExp = /^[0-9a-f]{16}$/
export const MAX_JOB_BYTES = 32 * 1024
const MAX_MESSAGE_CHARS = 1000

const event = z.string().regex(EVENT_ID)
const packageHash = z.string().regex(PACKAGE_HASH)

/** How a slot is changed: all that is drawn stands here before it is used, so that a crash does not draw it a second time. */
const changeSchema = z.strictObject({
  event,
  /** What the pointer named before; null for the first model of a slot. */
  before: z.strictObject({ active: packageHash, previous: packageHash.nullable() }).nullable(),
  /** Drawn when the pointer is put back. */
  undo: event.nullable(),
})

const failureSchema = z.strictObject({
  code: codeSchema,
  message: z.string().max(MAX_MESSAGE_CHARS),
  /** Whether the release itself was found wanting: then nothing of it stays. */
  isRefusal: z.boolean(),
  /** Of the leaf that the runtime is asked for; null when none is needed, or it is written. */
  leaf: event.nullable(),
})

/** jobs/<id>/job.json: replaced whole before each step begins. Any step may be done again. */
export const jobRecordSchema = z.strictObject({
  v: z.literal(1),
  job: z.string().regex(JOB_ID),
  kind: z.enum(['install', 'activate', 'rollback']),
  by: accountSchema,
  source: sourceSchema.nullable(),
  name: z.string().nullable(),
  /** False: stage only. */
  activate: z.boolean(),
  state: z.enum(['running', 'done', 'failed']),
  step: z.enum(jobSteps),
  totalBytes: z.int().nullable(),
  slot: z.string().regex(SLOT_NAME).nullable(),
  package: packageHash.nullable(),
  version: z.string().max(100).nullable(),
  /** Whether the release came into the store with this job. */
  isNew: z.boolean(),
  change: changeSchema.nullable(),
  failure: failureSchema.nullable(),
  startedAt: z.string().max(32),
  endedAt: z.string().max(32).nullable(),
})

export type JobRecord = z.infer<typeof jobRecordSchema>
export type JobChange = z.infer<typeof changeSchema>
export type JobFailure = z.infer<typeof failureSchema>

export function encodeJobRecord(record: JobRecord): Uint8Array {
  return canonicalBytes(jobRecordSchema.parse(record))
}

/** @returns undefined for anything that is not the record of this job */
export function parseJobRecord(bytes: Uint8Array, job: string): JobRecord | undefined {
  try {
    const parsed = jobRecordSchema.safeParse(parseCanonical(bytes))
    return parsed.success && parsed.data.job === job ? parsed.data : undefined
  } catch {
    return undefined
  }
}

/** What an operator is told of a job. */
export function jobAnswerOf(record: JobRecord, live: Pick<JobAnswer, 'bytes' | 'waiting'>): JobAnswer {
  const { job, state, kind, step, totalBytes, slot, version, failure, startedAt, endedAt } = record
  const source = record.source?.kind ?? null
  const failed = { code: failure?.code ?? null, message: failure?.message ?? null }
  const what = { slot, package: record.package, version }
  return { job, state, kind, source, step, ...live, totalBytes, ...what, ...failed, startedAt, endedAt }
}

export function shortMessage(message: string): string {
  return message.length <= MAX_MESSAGE_CHARS ? message : `${message.slice(0, MAX_MESSAGE_CHARS - 1)}…`
}
