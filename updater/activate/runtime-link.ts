import { setTimeout as pause } from 'node:timers/promises'
import { type ZodType, z } from 'zod'
import type { Randomness } from '../../device/crypto/randomness.ts'
import type { JsonObject } from '../../device/platform/canonical-json.ts'
import { type ChannelClient, openChannel } from '../../device/platform/channel.ts'
import { ChannelError } from '../../device/platform/channel-errors.ts'
import type { Clock } from '../../device/platform/clock.ts'
import {
  type ActivateAnswer,
  activateAnswer,
  type activationMethods,
  type ProveAnswer,
  type ProveRequest,
  proveAnswer,
  type RecordRefusalRequest,
  type SlotsAnswer,
  slotsAnswer,
} from '../../models/store/activation-channel.ts'
import { RuntimeRefusal, UpdaterError } from './errors.ts'
import { isPassing } from './outcome.ts'

export interface RuntimeLimits {
  /** For proving one release: the session is made, and every golden vector is run. */
  readonly proveMs: number
  /** For any other answer. */
  readonly answerMs: number
  /** First and longest wait before the next try. */
  readonly retryMinMs: number
  readonly retryMaxMs: number
}

/** Whoever waits: until when, and who is told of it. */
export interface Wait {
  readonly signal: AbortSignal
  /** Infinity: until the signal. */
  readonly limitMs: number
  waits(isWaiting: boolean): void
}

/** A release that breaks the connection so often while it is proven is given up: it may be what ends the runtime. */
const MAX_BREAKS = 3
const GLANCE_MS = 2000

interface Parts {
  readonly clock: Clock
  readonly randomness: Randomness
}

/** The updater's end of the activation channel. What the runtime cannot answer now is asked again, with jittered back-off. */
export class RuntimeLink {
  readonly #channel: ChannelClient
  readonly #limits: RuntimeLimits
  readonly #parts: Parts

  constructor(socket: string, limits: RuntimeLimits, parts: Parts) {
    this.#channel = openChannel(socket)
    this.#limits = limits
    this.#parts = parts
  }

  /**
   * @throws RuntimeRefusal, UpdaterError updater_prove_timeout | updater_prove_broken | updater_runtime_unreachable |
   * updater_runtime_answer_invalid, the signal's reason
   */
  prove(request: ProveRequest, wait: Wait): Promise<ProveAnswer> {
    let breaks = 0
    const judge = (error: ChannelError) => {
      if (error.code === 'channel_timeout') throw new UpdaterError('updater_prove_timeout')
      if (error.code === 'channel_broken' && ++breaks >= MAX_BREAKS) throw new UpdaterError('updater_prove_broken')
    }
    return this.#ask('prove', request, proveAnswer, this.#limits.proveMs, wait, judge)
  }

  /**
   * A runtime that was started again in between proves the release once more before it answers.
   * @throws RuntimeRefusal, UpdaterError updater_runtime_unreachable | updater_runtime_answer_invalid, the signal's reason
   */
  activate(slot: string, wait: Wait): Promise<ActivateAnswer> {
    return this.#ask('activate', { slot }, activateAnswer, this.#limits.proveMs, wait)
  }

  /** @throws as activate */
  async recordRefusal(request: RecordRefusalRequest, wait: Wait): Promise<void> {
    await this.#ask('record-refusal', request, z.looseObject({}), this.#limits.answerMs, wait)
  }

  /** One try: a candidate that stays costs memory until the next one takes its place, and nothing else. */
  async discard(slot: string): Promise<void> {
    await this.#channel.call('discard', { slot }, GLANCE_MS).catch(() => undefined)
  }

  /** What runs; undefined when the runtime does not say. */
  async slots(): Promise<SlotsAnswer['slots'] | undefined> {
    const answer = await this.#channel.call('slots', {}, GLANCE_MS).catch(() => undefined)
    const parsed = slotsAnswer.safeParse(answer)
    return parsed.success ? parsed.data.slots : undefined
  }

  close(): void {
    this.#channel.close()
  }

  async #ask<T>(
    method: (typeof activationMethods)[number],
    request: JsonObject,
    schema: ZodType<T>,
    timeoutMs: number,
    wait: Wait,
    judge: (error: ChannelError) => void = () => {},
  ): Promise<T> {
    let failingSinceMs: number | undefined
    try {
      for (let attempt = 0; ; attempt++) {
        const answer = await orAborted(this.#try(method, request, timeoutMs), wait.signal)
        if (!(answer instanceof ChannelError)) return readAnswer(schema, answer)
        judge(answer)
        failingSinceMs ??= this.#parts.clock.monotonicMs()
        if (this.#parts.clock.monotonicMs() - failingSinceMs >= wait.limitMs) throw givenUp(answer)
        wait.waits(true)
        await this.#pause(attempt, wait.signal)
      }
    } finally {
      wait.waits(false)
    }
  }

  /** @returns the answer, or what may pass by itself @throws RuntimeRefusal */
  async #try(method: string, request: JsonObject, timeoutMs: number): Promise<JsonObject | ChannelError> {
    try {
      return await this.#channel.call(method, request, timeoutMs)
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error
      const code = error.code === 'channel_refused' ? (error.about ?? 'internal') : undefined
      if (code !== undefined && !isPassing(code)) throw new RuntimeRefusal(code)
      return error
    }
  }

  async #pause(attempt: number, signal: AbortSignal): Promise<void> {
    const { retryMinMs, retryMaxMs } = this.#limits
    const longest = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(attempt, 20))
    const jitter = this.#parts.randomness.bytes(2).readUInt16BE() / 65_536
    await pause(longest / 2 + (longest / 2) * jitter, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

/** The runtime was there and said why not yet; or it was not there. */
function givenUp(error: ChannelError): UpdaterError {
  const code = error.code === 'channel_refused' ? error.about : undefined
  return code === undefined
    ? new UpdaterError('updater_runtime_unreachable', { cause: error })
    : new RuntimeRefusal(code)
}

function readAnswer<T>(schema: ZodType<T>, answer: JsonObject): T {
  const parsed = schema.safeParse(answer)
  if (parsed.success) return parsed.data
  throw new UpdaterError('updater_runtime_answer_invalid', { cause: parsed.error })
}

/** A call cannot be taken back; whoever is aborted no longer waits for its answer. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const leave = () => reject(signal.reason)
  signal.addEventListener('abort', leave, { once: true })
  work.catch(() => {})
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
