import type { DeviceState } from '../../device/outbound/device-state.ts'
import {
  type AckMessage,
  type CheckpointMessage,
  decisionsMessage,
  encodeOutbound,
  MAX_RECORDS,
  type OutboundContent,
  parseAck,
} from '../../device/outbound/messages.ts'
import { yearOf } from '../../device/outbound/record.ts'
import { ACK_LEAF, topicOf } from '../../device/outbound/topics.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import type { DrainRate } from './drain-rate.ts'
import type { Incoming, Link } from './mqtt-link.ts'
import type { EgressQueue } from './queue.ts'

export interface SessionOptions {
  readonly site: string
  readonly device: string
  readonly queue: EgressQueue
  readonly clock: Clock
  readonly log: Log
  readonly limits: { readonly recordsPerSecond: number; readonly ackTimeoutMs: number }
  readonly rate: DrainRate
  /** The connection was made with a certificate that has been replaced since. */
  isOutdated(): boolean
  /** What was last said of the box; null as long as nobody has said anything. */
  deviceState(): DeviceState | null
  /** The log's newest checkpoint, as the runtime has said it in this run. */
  checkpoint(): CheckpointMessage | undefined
}

/** Messages that the broker has not acknowledged yet. */
const MAX_IN_FLIGHT = 8
/** Records that were sent and that the fleet manager has not acknowledged: what a broker that forgets can cost in resending. */
const MAX_UNACKNOWLEDGED = 4096
const MAX_ACK_BYTES = 256
/** Acknowledgements are written together: each write is an fsync. */
const TICK_MS = 50
const IDLE_MS = 1000
const STATE_INTERVAL_MS = 60_000
const STATE_NEWS_INTERVAL_MS = 10_000
const CHECKPOINT_INTERVAL_MS = 10_000
const MAX_ACK_DOUBLINGS = 5
const GOODBYE_LIMIT_MS = 3000

/**
 * The work on one connection: a birth, then the records that wait, in order, again and again until the fleet manager says that it
 * holds them. That the broker took a message means nothing but that the next one may be sent.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #link: Link
  /** Birth, last will and acknowledgements are about this one. */
  readonly #stream: number
  /** Highest sequence sent on this connection. */
  #sent: number
  #inFlight = 0
  #isOver = false
  #wake: () => void = () => {}
  #ackedThrough = 0
  #progressMs: number
  #doublings = 0
  #dropped = 0
  #isBeyondNoted = false
  #stateMs = Number.NEGATIVE_INFINITY
  #stateSaid = ''
  #checkpointMs = Number.NEGATIVE_INFINITY
  #checkpointSaid = ''

  constructor(link: Link, options: SessionOptions) {
    this.#link = link
    this.#options = options
    const { stream, acked } = options.queue.position()
    this.#stream = stream
    this.#sent = acked
    this.#progressMs = options.clock.monotonicMs()
    void link.closed.then(() => {
      this.#isOver = true
      this.#wake()
    })
  }

  /** There may be something new to send. */
  wake(): void {
    this.#wake()
  }

  /** Anything but an acknowledgement for this stream is passed over, and so is what the broker had kept: it may be a replay. */
  receive(message: Incoming): void {
    const ack = this.#parseAck(message)
    if (ack === undefined) this.#dropped += 1
    else this.#ackedThrough = Math.max(this.#ackedThrough, ack.through)
  }

  /** Works until the connection ends, has to be made anew, or `stop` is aborted; then says goodbye. */
  async run(stop: AbortSignal): Promise<void> {
    const wake = () => this.#wake()
    stop.addEventListener('abort', wake)
    try {
      await this.#link.subscribe(topicOf(this.#options.site, this.#options.device, ACK_LEAF))
      while (!this.#isOver && !stop.aborted) {
        if (this.#isAnew()) return await this.#link.end()
        this.#settleAck()
        this.#sendState()
        this.#sendCheckpoint()
        this.#sendRecords()
        await this.#sleep(this.#isBusy() ? TICK_MS : IDLE_MS)
      }
      if (!this.#isOver) await this.#sayGoodbye()
    } finally {
      stop.removeEventListener('abort', wake)
      this.#link.destroy()
      if (this.#dropped > 0) this.#options.log.warn('egress-messages-dropped', { count: this.#dropped })
    }
  }

  /** Another stream needs another birth and last will, and a new certificate a new connection. */
  #isAnew(): boolean {
    return this.#options.queue.position().stream !== this.#stream || this.#options.isOutdated()
  }

  #isBusy(): boolean {
    return this.#sent > this.#options.queue.position().acked || this.#inFlight > 0
  }

  #parseAck({ topic, payload, retained }: Incoming): AckMessage | undefined {
    const { site, device, queue } = this.#options
    if (retained || payload.length > MAX_ACK_BYTES || topic !== topicOf(site, device, ACK_LEAF)) return undefined
    try {
      const ack = parseAck(payload)
      if (ack.stream !== this.#stream) return undefined
      if (queue.mayAcknowledge(ack.through)) return ack
      this.#noteBeyond()
      return undefined
    } catch {
      return undefined
    }
  }

  /** Either nobody of the fleet said this, or this box was set back and gives its numbers a second time. */
  #noteBeyond(): void {
    if (!this.#isBeyondNoted) this.#options.log.error('egress-acknowledged-beyond')
    this.#isBeyondNoted = true
  }

  #settleAck(): void {
    const { queue, clock, limits, log } = this.#options
    const nowMs = clock.monotonicMs()
    if (queue.acknowledge(this.#ackedThrough)) {
      this.#progressMs = nowMs
      this.#doublings = 0
    }
    const { acked } = queue.position()
    if (this.#sent <= acked) {
      this.#sent = acked
      this.#progressMs = nowMs
      return
    }
    if (nowMs - this.#progressMs < limits.ackTimeoutMs * 2 ** this.#doublings) return
    log.warn('egress-resending', { from: acked + 1, through: this.#sent })
    this.#sent = acked
    this.#progressMs = nowMs
    this.#doublings = Math.min(MAX_ACK_DOUBLINGS, this.#doublings + 1)
  }

  #sendRecords(): void {
    const { queue, clock } = this.#options
    const { stream, acked } = queue.position()
    while (this.#inFlight < MAX_IN_FLIGHT) {
      const room = Math.min(
        MAX_RECORDS,
        acked + MAX_UNACKNOWLEDGED - this.#sent,
        this.#options.rate.available(clock.monotonicMs()),
      )
      const waiting = room < 1 ? [] : queue.after(this.#sent, room)
      const last = waiting.at(-1)
      if (last === undefined) return
      const records = waiting.map(({ record }) => record)
      const message = decisionsMessage.parse({ v: 1, stream, first: this.#sent + 1, records })
      if (last.sequence !== this.#sent + records.length) {
        this.#fail('egress_queue_unusable')
        return
      }
      this.#options.rate.take(records.length)
      this.#sent = last.sequence
      this.#send({ leaf: 'decisions', message }, false)
    }
  }

  #sendState(): void {
    const { queue, clock, deviceState } = this.#options
    const nowMs = clock.monotonicMs()
    const device = deviceState()
    const said = JSON.stringify(device)
    const sinceMs = nowMs - this.#stateMs
    // A birth that could not say how the box fares is followed up at once.
    const hasNews = said !== this.#stateSaid && (this.#stateSaid === 'null' || sinceMs >= STATE_NEWS_INTERVAL_MS)
    if (sinceMs < STATE_INTERVAL_MS && !hasNews) return
    this.#stateMs = nowMs
    this.#stateSaid = said
    const { stream, boot, last, acked } = queue.position()
    const year = yearOf(clock.nowMs())
    this.#send({ leaf: 'state', message: { v: 1, status: 'online', stream, boot, year, last, acked, device } }, true)
  }

  #sendCheckpoint(): void {
    const { checkpoint, clock } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#checkpointMs < CHECKPOINT_INTERVAL_MS) return
    const message = checkpoint()
    const said = JSON.stringify(message)
    if (message === undefined || said === this.#checkpointSaid) return
    this.#checkpointMs = nowMs
    this.#checkpointSaid = said
    this.#send({ leaf: 'audit/checkpoint', message }, false)
  }

  #send(content: OutboundContent, retain: boolean): void {
    this.#inFlight += 1
    this.#publish(content, retain)
      .then(() => {
        this.#inFlight -= 1
        this.#wake()
      })
      .catch((error: unknown) => this.#fail(errorCode(error)))
  }

  async #publish(content: OutboundContent, retain: boolean): Promise<void> {
    const { site, device } = this.#options
    await this.#link.publish(topicOf(site, device, content.leaf), encodeOutbound(content), retain)
  }

  #fail(code: string): void {
    if (this.#isOver) return
    this.#options.log.warn('egress-send-failed', { code })
    this.#link.destroy()
  }

  async #sayGoodbye(): Promise<void> {
    const { stream, boot } = this.#options.queue.position()
    const limit = setTimeout(() => this.#link.destroy(), GOODBYE_LIMIT_MS)
    try {
      const message = { v: 1, status: 'offline', stream, boot, how: 'stopped' } as const
      await this.#publish({ leaf: 'state', message }, true)
      await this.#link.end()
    } catch (error) {
      this.#options.log.warn('egress-goodbye-failed', { code: errorCode(error) })
    } finally {
      clearTimeout(limit)
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
