import type { DecisionsMessage, StateMessage } from '../../device/outbound/messages.ts'
import { createCheckpointHistory, type Listening, type SignedCheckpoint } from './checkpoint-history.ts'
import { asFleetError, openFleetDatabase } from './database.ts'
import { createDecisionIntake, type Fault } from './decision-intake.ts'
import { createDeviceStates } from './device-states.ts'
import { createFindings } from './findings.ts'

/** What a collector has received of one device, judged as far as it can be without the database. */
export type Arrival = { readonly device: string } & (
  | { readonly kind: 'decisions'; readonly message: DecisionsMessage }
  | { readonly kind: 'state'; readonly message: StateMessage; readonly isRetained: boolean }
  | { readonly kind: 'checkpoint'; readonly checkpoint: SignedCheckpoint; readonly listening: Listening }
  | { readonly kind: 'fault'; readonly fault: Fault }
)

/** All of `stream` up to `through` is stored. */
export interface Acknowledgement {
  readonly device: string
  readonly stream: number
  readonly through: number
}

export interface FleetStore {
  /**
   * Stores a batch in one transaction; it returns after the fsync. What is returned may be sent.
   * @throws FleetError fleet_store_full | fleet_store_failed | …; `isPassing` says whether trying again may help
   */
  commit(arrivals: readonly Arrival[], nowMs: number): Acknowledgement[]
  close(): void
}

/** @throws FleetError fleet_store_unreadable | fleet_store_foreign | fleet_store_full | fleet_store_failed */
export function openFleetStore(path: string): FleetStore {
  const database = openFleetDatabase(path, 'write')
  const add = database.prepare<[string], { id: number }>(
    'INSERT INTO device (name) VALUES (?) ON CONFLICT DO UPDATE SET name = excluded.name RETURNING id',
  )
  const find = database.prepare<[string], { id: number }>('SELECT id FROM device WHERE name = ?')
  const decisions = createDecisionIntake(database)
  const states = createDeviceStates(database)
  const checkpoints = createCheckpointHistory(database)
  const record = createFindings(database)

  const idOf = (device: string): number => (find.get(device) ?? add.get(device))?.id ?? 0
  /** @returns faults, and the stream to acknowledge */
  const take = (arrival: Arrival, nowMs: number): { faults: Fault[]; stream?: number } => {
    if (arrival.kind === 'fault') return { faults: [arrival.fault] }
    const id = idOf(arrival.device)
    if (arrival.kind === 'decisions') {
      return { faults: decisions.add(id, arrival.message, nowMs), stream: arrival.message.stream }
    }
    if (arrival.kind === 'checkpoint') {
      const fault = checkpoints.add(id, arrival.checkpoint, arrival.listening, nowMs)
      return { faults: fault === undefined ? [] : [fault] }
    }
    const { message } = arrival
    states.add(id, message, arrival.isRetained, nowMs)
    const isRaised = message.status === 'online' && decisions.raise(id, message.stream, message.acked)
    return isRaised ? { faults: [], stream: message.stream } : { faults: [] }
  }

  const commit = database.transaction((arrivals: readonly Arrival[], nowMs: number): Acknowledgement[] => {
    const touched = new Map<string, { device: string; stream: number }>()
    for (const arrival of arrivals) {
      const { device } = arrival
      const { faults, stream } = take(arrival, nowMs)
      for (const fault of faults) record({ device, ...fault }, nowMs)
      if (stream !== undefined) touched.set(`${device} ${stream}`, { device, stream })
    }
    return [...touched.values()].flatMap(({ device, stream }) => {
      const through = decisions.through(idOf(device), stream)
      return through === undefined ? [] : [{ device, stream, through }]
    })
  })
  return {
    commit: (arrivals, nowMs) => {
      try {
        return commit.immediate(arrivals, nowMs)
      } catch (error) {
        throw asFleetError(error)
      }
    },
    close: () => database.close(),
  }
}
