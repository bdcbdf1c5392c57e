import type { z } from 'zod'
import type { JsonObject } from '../../device/platform/canonical-json.ts'
import { type ChannelClient, openChannel } from '../../device/platform/channel.ts'
import { ChannelError } from '../../device/platform/channel-errors.ts'
import {
  type ControlMethod,
  type JobAnswer,
  jobAnswer,
  type ListAnswer,
  listAnswer,
} from '../../models/store/control-channel.ts'
import { ControlError, controlErrors } from '../../models/store/control-errors.ts'
import { HttpError } from './errors.ts'

/**
 * The updater as the API asks it. Each call throws HttpError updater_unreachable | updater_failed, or ControlError with what the
 * updater said.
 */
export interface UpdaterLink {
  list(): Promise<ListAnswer>
  job(job: string): Promise<JobAnswer>
  /** @param folder holds package.wspkg, image.json and grant.json, and stays until the job has ended */
  install(folder: string, activate: boolean, by: string): Promise<JobAnswer>
  activate(packageHash: string, by: string): Promise<JobAnswer>
  rollback(slot: string, by: string): Promise<JobAnswer>
  cancel(job: string): Promise<JobAnswer>
  close(): void
}

const CALL_MS = 10_000

/** @param socket the updater's control socket; without one there is no updater, and every call says that it cannot be reached */
export function openUpdaterLink(socket: string | undefined): UpdaterLink {
  const channel = socket === undefined ? undefined : openChannel(socket)
  const ask = <T>(method: ControlMethod, request: JsonObject, schema: z.ZodType<T>) =>
    askUpdater(channel, method, request, schema)
  return {
    list: () => ask('list', {}, listAnswer),
    job: (job) => ask('job', { job }, jobAnswer),
    install: (path, activate, by) =>
      ask('install', { source: { kind: 'directory', path }, name: null, activate, by }, jobAnswer),
    activate: (packageHash, by) => ask('activate', { package: packageHash, by }, jobAnswer),
    rollback: (slot, by) => ask('rollback', { slot, by }, jobAnswer),
    cancel: (job) => ask('cancel', { job }, jobAnswer),
    close: () => channel?.close(),
  }
}

async function askUpdater<T>(
  channel: ChannelClient | undefined,
  method: ControlMethod,
  request: JsonObject,
  schema: z.ZodType<T>,
): Promise<T> {
  if (channel === undefined) throw new HttpError('updater_unreachable')
  let answer: JsonObject
  try {
    answer = await channel.call(method, request, CALL_MS)
  } catch (cause) {
    throw faultOf(cause)
  }
  const parsed = schema.safeParse(answer)
  if (!parsed.success) throw new HttpError('updater_failed', { cause: parsed.error })
  return parsed.data
}

function faultOf(cause: unknown): HttpError | ControlError {
  if (!(cause instanceof ChannelError) || cause.code !== 'channel_refused')
    return new HttpError('updater_unreachable', { cause })
  const code = cause.about ?? ''
  return isControlCode(code) ? new ControlError(code) : new HttpError('updater_failed', { cause })
}

function isControlCode(code: string): code is keyof typeof controlErrors {
  return Object.hasOwn(controlErrors, code)
}
