import type { DeviceState } from '../../device/outbound/device-state.ts'
import type { CheckpointMessage } from '../../device/outbound/messages.ts'
import type { JsonObject } from '../../device/platform/canonical-json.ts'
import { type ChannelClient, openChannel } from '../../device/platform/channel.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import type { Outbox } from '../storage/outbox.ts'
import { parseCheckpointNote } from './checkpoint-note.ts'
import { EgressError } from './errors.ts'
import {
  deviceStateAnswer,
  type FleetLink,
  type HandedRow,
  handoverMethods,
  MAX_HANDOVER_ROWS,
  takenAnswer,
} from './handover.ts'
import type { LinkView } from './link-faults.ts'
import { outboundRow } from './outbound.ts'

export interface RelayOptions {
  /** Path of the socket that egress serves. */
  readonly socket: string
  /** Which log this is: SHA-256 of its origin and key, lowercase hex. */
  readonly source: string
  readonly outbox: Outbox
  readonly clock: Clock
  readonly log: Log
  deviceState(): DeviceState
}

export interface Relay {
  /** How it stands with egress and, behind it, the fleet. */
  link(): LinkView
  /** What was not handed over stays in the outbox. */
  stop(): Promise<void>
}

const CALL_LIMIT_MS = 10_000
const IDLE_MS = 250
const MAX_WAIT_MS = 5000
const CHECKPOINT_INTERVAL_MS = 5000
/** Both are in egress's memory alone: they are said again, so that one that was restarted knows them. */
const STATE_INTERVAL_MS = 15_000
const CHECKPOINT_REPEAT_MS = 15_000

/**
 * Hands the rows of the outbox to egress, in order, and removes them only after egress has said that it holds them. A decision
 * never waits for this: with egress away the rows stay where they are.
 */
export function startRelay(options: RelayOptions): Relay {
  const relay = new OutboxRelay(options)
  const work = relay.run()
  return {
    link: () => relay.link(),
    stop: async () => {
      relay.stop()
      await work
    },
  }
}

class OutboxRelay implements Relay {
  readonly #options: RelayOptions
  readonly #channel: ChannelClient
  #isStopping = false
  #wake: () => void = () => {}
  #fault = ''
  readonly #faults = new Map<'rows' | 'checkpoint' | 'state', string>()
  #hasGreeted = false
  /** Rows up to here are done with, damaged ones included. */
  #cursor = 0
  /** Rows up to here, damaged ones aside, were removed because egress held them. */
  #given = 0
  #checkpointMs = Number.NEGATIVE_INFINITY
  #checkpointSaid = ''
  #checkpointSaidMs = Number.NEGATIVE_INFINITY
  #stateMs = Number.NEGATIVE_INFINITY
  #fleet: FleetLink | undefined
  #answeredMs: number

  constructor(options: RelayOptions) {
    this.#options = options
    this.#answeredMs = options.clock.monotonicMs()
    this.#channel = openChannel(options.socket)
  }

  async run(): Promise<void> {
    for (let waitMs = IDLE_MS; !this.#isStopping; ) {
      const outcome = await this.#turn()
      waitMs = outcome === 'failed' ? Math.min(MAX_WAIT_MS, waitMs * 2) : IDLE_MS
      if (outcome !== 'more') await this.#sleep(waitMs)
    }
  }

  /** Egress is asked every few seconds: what it last said is that old, and no older while it answers. */
  link(): LinkView {
    const silentMs = this.#options.clock.monotonicMs() - this.#answeredMs
    return { silentSeconds: Math.max(0, Math.floor((silentMs - 2 * STATE_INTERVAL_MS) / 1000)), fleet: this.#fleet }
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#channel.close()
    this.#wake()
  }

  async #turn(): Promise<'more' | 'idle' | 'failed'> {
    const outcome = await this.#turnRows()
    // What is wrong with one must not hold back the others: the checkpoint of a database that was put back is what shows it.
    await this.#beside('checkpoint', () => this.#handCheckpoint())
    await this.#beside('state', () => this.#handState())
    if (!this.#isStopping) this.#note([...this.#faults.values()][0] ?? '')
    return outcome
  }

  async #turnRows(): Promise<'more' | 'idle' | 'failed'> {
    try {
      if (!this.#hasGreeted) await this.#greet()
      const hasMore = await this.#handRows()
      this.#faults.delete('rows')
      return hasMore ? 'more' : 'idle'
    } catch (error) {
      this.#hasGreeted = false
      this.#faults.set('rows', faultName(error))
      return 'failed'
    }
  }

  /**
   * Egress may hold rows that were not removed here. It can also hold more than ever stood here: then this database is older than
   * what has left, its row numbers would be taken for old ones, and nothing is handed over until somebody has looked.
   */
  async #greet(): Promise<void> {
    const { source, outbox } = this.#options
    const highest = outbox.highest()
    const [first] = outbox.rows(0, 1)
    this.#given = Math.max(this.#given, first === undefined ? highest : first.seq - 1)
    const taken = await this.#ask(handoverMethods.hello, { source, given: this.#given })
    if (taken > highest) throw new EgressError('egress_outbox_behind')
    this.#remove(taken)
    this.#given = Math.max(this.#given, taken)
    this.#hasGreeted = true
    // Egress may be another one than before: what it holds in memory alone is said to it now.
    this.#stateMs = Number.NEGATIVE_INFINITY
    this.#checkpointMs = Number.NEGATIVE_INFINITY
    this.#checkpointSaid = ''
  }

  async #handRows(): Promise<boolean> {
    const found = this.#options.outbox.rows(this.#cursor, MAX_HANDOVER_ROWS)
    const rows = found.flatMap(({ seq, record }) => this.#parseRow(seq, record))
    const last = found.at(-1)?.seq
    if (last === undefined) return false
    if (rows.length > 0) {
      const { source, outbox } = this.#options
      const taken = await this.#ask(handoverMethods.records, { source, given: this.#given, rows })
      const held = rows.map(({ seq }) => seq).filter((seq) => seq <= taken)
      outbox.remove(held)
      this.#given = Math.max(this.#given, held.at(-1) ?? 0)
      // A queue that is nearly full takes a part; the next turn hears that it is full.
      const part = held.at(-1)
      if (part === undefined) throw new EgressError('egress_queue_failed')
      if (held.length < rows.length) {
        this.#cursor = part
        return true
      }
    }
    this.#cursor = last
    return found.length === MAX_HANDOVER_ROWS
  }

  /** A row that is none any more stays where it is, named in the log; those behind it do not wait for it. */
  #parseRow(seq: number, record: string): (HandedRow & JsonObject)[] {
    try {
      return [{ seq, row: outboundRow.parse(JSON.parse(record)) }]
    } catch {
      this.#options.log.error('outbox-row-damaged', { row: seq })
      return []
    }
  }

  #remove(through: number): void {
    const { outbox } = this.#options
    for (let rows = outbox.rows(0, MAX_HANDOVER_ROWS); ; rows = outbox.rows(0, MAX_HANDOVER_ROWS)) {
      const held = rows.filter(({ seq }) => seq <= through).map(({ seq }) => seq)
      if (held.length === 0) return
      outbox.remove(held)
    }
  }

  async #handCheckpoint(): Promise<boolean> {
    const { outbox, clock } = this.#options
    if (clock.monotonicMs() - this.#checkpointMs < CHECKPOINT_INTERVAL_MS) return false
    this.#checkpointMs = clock.monotonicMs()
    const note = outbox.latestCheckpoint()
    const isNews = note !== this.#checkpointSaid || clock.monotonicMs() - this.#checkpointSaidMs >= CHECKPOINT_REPEAT_MS
    if (note === undefined || !isNews) return true
    const checkpoint: CheckpointMessage = parseCheckpointNote(note)
    await this.#channel.call(handoverMethods.checkpoint, { checkpoint }, CALL_LIMIT_MS)
    this.#checkpointSaid = note
    this.#checkpointSaidMs = clock.monotonicMs()
    return true
  }

  async #handState(): Promise<boolean> {
    const { clock, deviceState } = this.#options
    if (clock.monotonicMs() - this.#stateMs < STATE_INTERVAL_MS) return false
    this.#stateMs = clock.monotonicMs()
    const answer = await this.#channel.call(handoverMethods.deviceState, { device: deviceState() }, CALL_LIMIT_MS)
    const known = deviceStateAnswer.safeParse(answer)
    if (!known.success) throw new EgressError('egress_queue_failed')
    this.#fleet = known.data.fleet
    this.#answeredMs = clock.monotonicMs()
    return true
  }

  async #ask(method: string, request: JsonObject): Promise<number> {
    const answer = takenAnswer.safeParse(await this.#channel.call(method, request, CALL_LIMIT_MS))
    if (!answer.success) throw new EgressError('egress_queue_failed')
    return answer.data.taken
  }

  /** A fault stays until the same work has succeeded. @param work resolves with whether it was time for it */
  async #beside(name: 'checkpoint' | 'state', work: () => Promise<boolean>): Promise<void> {
    try {
      if (await work()) this.#faults.delete(name)
    } catch (error) {
      this.#faults.set(name, faultName(error))
      if (isCut(error)) this.#hasGreeted = false
    }
  }

  /** The log has a line when the state of things changes, not one per try. */
  #note(fault: string): void {
    if (fault === this.#fault) return
    this.#fault = fault
    if (fault === '') this.#options.log.info('relay-running')
    else this.#options.log.warn('relay-waiting', { code: fault })
  }

  #sleep(ms: number): Promise<void> {
    if (this.#isStopping) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Nobody is there, or nobody answers; a refusal is an answer. */
function isCut(error: unknown): boolean {
  return isWardstoneError(error) && error.code.startsWith('channel_') && error.code !== 'channel_refused'
}

function faultName(error: unknown): string {
  if (!isWardstoneError(error)) return 'internal'
  return error.code === 'channel_refused' ? (error.about ?? error.code) : error.code
}
