import type { Randomness } from '../../device/crypto/randomness.ts'
import { encodeOutbound } from '../../device/outbound/messages.ts'
import { topicOf } from '../../device/outbound/topics.ts'
import { errorCode } from '../../device/platform/errors.ts'
import { DrainRate } from './drain-rate.ts'
import {
  type Broker,
  connectLink,
  type Link,
  type LinkOptions,
  type ProtocolVersion,
  VersionRefused,
} from './mqtt-link.ts'
import { reconnectDelayMs } from './reconnect.ts'
import { Session, type SessionOptions } from './session.ts'

export interface PublisherOptions extends Omit<SessionOptions, 'rate' | 'isOutdated'> {
  /** The same object as long as nothing about it has changed. */
  broker(): Broker
  readonly randomness: Randomness
  readonly reconnectMaxMs: number
}

/** A connection that lasted this long was a good one; a broker that drops us sooner is waited for ever longer. */
const GOOD_AFTER_MS = 5000

/** Keeps a connection to the broker, one at a time, from `start` to `stop`. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #stop = new AbortController()
  /** Of all connections together: a broker that drops us again and again must not get more for it. */
  readonly #rate: DrainRate
  /** When the present state, connected or not, began. */
  #sinceMs: number
  #isConnected = false
  #session: Session | undefined
  #tries = 0
  #version: ProtocolVersion = 5
  #work: Promise<void> | undefined

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#sinceMs = options.clock.monotonicMs()
    this.#rate = new DrainRate(options.limits.recordsPerSecond, options.clock.monotonicMs())
  }

  start(): void {
    this.#work ??= this.#keepConnected()
  }

  link(): { readonly isConnected: boolean; readonly seconds: number } {
    const seconds = Math.floor((this.#options.clock.monotonicMs() - this.#sinceMs) / 1000)
    return { isConnected: this.#isConnected, seconds: Math.max(0, seconds) }
  }

  wake(): void {
    this.#session?.wake()
  }

  /** Says goodbye where there is a connection. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#work
  }

  async #keepConnected(): Promise<void> {
    const { clock, log, randomness, reconnectMaxMs } = this.#options
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      const link = await this.#connect()
      if (link !== undefined) {
        const fromMs = clock.monotonicMs()
        log.info('egress-connected', { version: this.#version })
        this.#turn(true)
        await this.#runSession(link)
        this.#turn(false)
        if (clock.monotonicMs() - fromMs >= GOOD_AFTER_MS) failures = 0
      }
      failures += 1
      await this.#pause(reconnectDelayMs(failures, reconnectMaxMs, randomness))
    }
  }

  #turn(isConnected: boolean): void {
    this.#isConnected = isConnected
    this.#sinceMs = this.#options.clock.monotonicMs()
  }

  async #runSession(link: Link): Promise<void> {
    const { log } = this.#options
    const session = this.#session
    if (session === undefined) return
    try {
      await session.run(this.#stop.signal)
      if (!this.#stop.signal.aborted) log.warn('egress-disconnected', { code: (await link.closed).code })
    } catch (error) {
      log.warn('egress-disconnected', { code: errorCode(error) })
    } finally {
      this.#session = undefined
    }
  }

  /** Version 5 first; where the broker breaks off at that, 3.1.1 at once (house plan §6), and the other way round later. */
  async #connect(): Promise<Link | undefined> {
    for (const attempt of [1, 2]) {
      try {
        return await this.#connectOnce()
      } catch (error) {
        const isVersion = error instanceof VersionRefused
        this.#options.log.warn('egress-connect-failed', { code: errorCode(error), version: this.#version })
        if (!isVersion) return undefined
        this.#version = this.#version === 5 ? 4 : 5
        if (attempt === 2 || this.#stop.signal.aborted) return undefined
      }
    }
    return undefined
  }

  async #connectOnce(): Promise<Link> {
    const { site, device, queue, clock } = this.#options
    const broker = this.#options.broker()
    // A last will may be published after the next birth. With a number for each connection it is known to be the older one.
    if (this.#tries > 0) queue.drawBoot()
    this.#tries += 1
    const { stream, boot } = queue.position()
    const will: LinkOptions['will'] = {
      topic: topicOf(site, device, 'state'),
      payload: encodeOutbound({ leaf: 'state', message: { v: 1, status: 'offline', stream, boot, how: 'lost' } }),
    }
    const link = await connectLink({
      broker,
      version: this.#version,
      clientId: device,
      will,
      clock,
      onMessage: (message) => this.#session?.receive(message),
    })
    const isOutdated = () => this.#options.broker() !== broker
    this.#session = new Session(link, { ...this.#options, rate: this.#rate, isOutdated })
    return link
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#stop.signal.aborted) return Promise.resolve()
    const timer = setTimeout(resolve, ms)
    const end = () => {
      clearTimeout(timer)
      resolve()
    }
    this.#stop.signal.addEventListener('abort', end, { once: true })
    return promise.finally(() => this.#stop.signal.removeEventListener('abort', end))
  }
}
