import { ChannelError } from '../../device/platform/channel-errors.ts'
import { type JobAnswer, jobAnswer, listAnswer } from '../../models/store/control-channel.ts'
import { type Asks, type ModelIo, modelExitCodes } from './model-client.ts'
import { doneText, failureText, progressText } from './model-text.ts'

const POLL_MS = 200
/** An updater that is started again goes on with its jobs; so long its absence is borne. */
const AWAY_POLLS = 150

export interface Following {
  readonly json: boolean
  /** False: say which job it is, and leave. */
  readonly waits: boolean
}

/**
 * Shows a job until it has ended. Who interrupts this leaves the job running.
 * @returns the exit code
 */
export async function follow(begun: JobAnswer, ask: Asks, io: ModelIo, { json, waits }: Following): Promise<number> {
  const view = json ? jsonView(io) : textView(io)
  view.show(begun)
  if (!waits) {
    if (!json) io.stdout.write(`Job ${begun.job} is under way. To look: wardstone model jobs ${begun.job}\n`)
    return modelExitCodes.done
  }
  let job = begun
  while (job.state === 'running') {
    await io.pause(POLL_MS)
    if (io.interrupted.aborted) {
      view.end()
      if (!json) io.stderr.write(leftText(job))
      return modelExitCodes.interrupted
    }
    job = await look(job.job, ask, io).catch((error: unknown) => {
      view.end()
      if (!json && isAway(error)) io.stderr.write(keptText(job))
      throw error
    })
    view.show(job)
  }
  view.end()
  if (!json && job.state === 'done') io.stdout.write(doneText(job, await keptVersion(job, ask)))
  if (!json && job.state === 'failed') io.stderr.write(failureText(job))
  return job.state === 'done' ? modelExitCodes.done : modelExitCodes.failed
}

async function look(job: string, ask: Asks, io: ModelIo): Promise<JobAnswer> {
  for (let missed = 0; ; missed++) {
    try {
      return await ask('job', { job }, jobAnswer)
    } catch (error) {
      if (!isAway(error) || missed >= AWAY_POLLS || io.interrupted.aborted) throw error
      await io.pause(POLL_MS)
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof ChannelError && error.code !== 'channel_refused'
}

/** What could be gone back to now; a job that is done is not made a failure by asking. */
async function keptVersion({ slot }: JobAnswer, ask: Asks): Promise<string | undefined> {
  const list = await ask('list', {}, listAnswer).catch(() => undefined)
  return list?.slots.find((each) => each.slot === slot)?.previous?.version
}

function leftText({ job }: JobAnswer): string {
  return (
    `Job ${job} goes on without you. To look: wardstone model jobs ${job} --follow\n` +
    `To give it up: wardstone model jobs ${job} --cancel\n`
  )
}

function keptText({ job }: JobAnswer): string {
  return `Job ${job} goes on once the updater is back. To look then: wardstone model jobs ${job} --follow\n`
}

interface View {
  show(job: JobAnswer): void
  end(): void
}

/** Every answer that differs from the one before. */
function jsonView({ stdout }: ModelIo): View {
  let last = ''
  return {
    show: (job) => {
      const text = JSON.stringify(job)
      if (text !== last) stdout.write(`${text}\n`)
      last = text
    },
    end: () => {},
  }
}

/** One line that is rewritten on a terminal; elsewhere a line at each change, and at each tenth of a fetch. */
function textView({ stderr }: ModelIo): View {
  let last = ''
  const isTerminal = stderr.isTTY === true
  return {
    show: (job) => {
      if (job.state !== 'running') return
      const text = progressText(job)
      const mark = isTerminal ? text : text.replace(/^(fetching).*\((\d*?)\d %\)$/, '$1 $2')
      if (mark === last) return
      last = mark
      stderr.write(isTerminal ? `\r${text}\u001b[K` : `${text}\n`)
    },
    end: () => {
      if (isTerminal) stderr.write('\r\u001b[K')
    },
  }
}
