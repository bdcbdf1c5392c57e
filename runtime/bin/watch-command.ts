import type { IncomingMessage } from 'node:http'
import type { ZodType } from 'zod'
import { healthAnswerSchema } from '../http/contract.ts'
import { liveDecisionSchema } from '../http/contract-live.ts'
import { type Box, open } from './box-client.ts'
import { type BoxIo, boxExitCodes, boxExitMeanings, faultText, runBoxCommand } from './box-command.ts'
import { BOX_HELP, boxOptions, boxOptionValues } from './box-settings.ts'
import { BoxRefusal, ClientError } from './client-errors.ts'
import { type StreamEvent, streamEvents } from './event-lines.ts'
import { Misuse, readArgs } from './model-client.ts'
import { decisionLines, healthLines } from './watch-text.ts'

export const watchEntry = {
  name: 'watch',
  synopsis: '[options]',
  summary: 'decisions as they are made, and what the box says of itself',
  options: { ...boxOptionValues, json: 'flag', count: 'text' },
  exitCodes: {
    [boxExitCodes.failed]: boxExitMeanings[boxExitCodes.failed],
    [boxExitCodes.notAsked]: boxExitMeanings[boxExitCodes.notAsked],
  },
} as const

const USAGE = `Usage: wardstone watch [options]

Shows the last decisions of the box and then each new one: when (UTC), which model, how long it took, where it ran, and what came of
it; and what the box says of itself whenever that changes. A clinician and a privacy officer also see whose it is and the result; an
engineer never does. A connection that is lost is made again, and nothing that the box still has is shown twice. Ctrl-C ends it.

  --count N           end after N decisions
  --json              one JSON object a line: {"event": "decision" | "health", "id", "data"}
${BOX_HELP}
Examples:
  wardstone watch
  wardstone watch --client clinician.json
  wardstone watch --count 10 --json

Exit codes: 0 ended by Ctrl-C or after N decisions, 1 refused, 2 wrong usage, 20 the box could not be asked.
`

const MAX_WAIT_MS = 10_000
const FIRST_WAIT_MS = 500

/** `wardstone watch`. @returns the exit code */
export function watchCommand(args: readonly string[], io: BoxIo): Promise<number> {
  return runBoxCommand(USAGE, io, () => {
    const { values, positionals } = readArgs(args, {
      ...boxOptions,
      count: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    })
    if (values.help) return 'help'
    if (positionals.length > 0) throw new Misuse('watch takes options only')
    const { count, json } = values
    if (count !== undefined && !/^[1-9][0-9]{0,8}$/.test(count)) throw new Misuse('--count takes a number from 1')
    const left = count === undefined ? Number.POSITIVE_INFINITY : Number(count)
    const run = (box: Box) =>
      watch(box, { json, left, lastId: '' }, io).catch((error: unknown) => {
        if (io.interrupted.aborted) return boxExitCodes.done
        throw error
      })
    return { box: values, json, run }
  })
}

interface Watching {
  readonly json: boolean
  /** Decisions that are still to be shown. */
  left: number
  lastId: string
}

async function watch(box: Box, watching: Watching, io: BoxIo): Promise<number> {
  let stream = await openStream(box, watching)
  for (;;) {
    await showStream(stream, watching, io)
    if (watching.left <= 0 || io.interrupted.aborted) return boxExitCodes.done
    stream = await again(box, watching, io)
  }
}

function openStream(box: Box, { lastId }: Watching): Promise<IncomingMessage> {
  return box.open('/v1/events', { accept: 'text/event-stream', ...(lastId === '' ? {} : { 'last-event-id': lastId }) })
}

/** Until the box answers again. What it refuses now it would refuse again. */
async function again(box: Box, watching: Watching, io: BoxIo): Promise<IncomingMessage> {
  let isTold = false
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    try {
      const stream = await openStream(box, watching)
      if (isTold) io.stderr.write('The box answers again.\n')
      return stream
    } catch (error) {
      if (!isPassing(error) || io.interrupted.aborted) throw error
      if (!isTold) io.stderr.write(`${faultText(error)}It is asked again and again, until Ctrl-C.\n`)
      isTold = true
      await io.pause(waitMs)
    }
  }
}

function isPassing(error: unknown): boolean {
  if (error instanceof BoxRefusal) return error.said.retryAfterSeconds !== undefined
  return error instanceof ClientError && error.code !== 'client_answer_malformed'
}

async function showStream(stream: IncomingMessage, watching: Watching, io: BoxIo): Promise<void> {
  stream.setEncoding('utf8')
  try {
    for await (const event of streamEvents(stream as AsyncIterable<string>, watching.lastId)) {
      if (event === undefined) throw new ClientError('client_answer_malformed', { about: 'an event is too large' })
      show(event, watching, io)
      watching.lastId = event.lastId
      if (watching.left <= 0) break
    }
  } catch (error) {
    // The end of a connection, in whatever way, is not the end of the watch.
    if (error instanceof ClientError) throw error
  } finally {
    stream.destroy()
  }
}

function show({ type, data, lastId }: StreamEvent, watching: Watching, io: BoxIo): void {
  if (type === 'decision') {
    const decision = parse(data, open(liveDecisionSchema))
    watching.left -= 1
    io.stdout.write(watching.json ? line('decision', lastId, decision) : decisionLines(decision))
  }
  if (type === 'health') {
    const health = parse(data, open(healthAnswerSchema))
    io.stdout.write(watching.json ? line('health', null, health) : healthLines(health))
  }
}

function line(event: string, id: string | null, data: unknown): string {
  return `${JSON.stringify({ event, id, data })}\n`
}

function parse<T>(data: string, schema: ZodType<T>): T {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch (cause) {
    throw new ClientError('client_answer_malformed', { cause, about: 'an event' })
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new ClientError('client_answer_malformed', { about: 'an event' })
  return parsed.data
}
