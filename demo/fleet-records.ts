import { openFleetReader } from '../updater/operator/reading.ts'
import type { Site } from './site.ts'

/** The other end of the demonstration: what the fleet manager has stored. */
export interface FleetRecords {
  /** Waits until as many records have arrived as were made here, a bounded time; says in a sentence what is there. */
  arrived(made: number, stopped: Promise<unknown>): Promise<string>
  close(): void
}

const LIMIT_MS = 15_000
const LOOK_EVERY_MS = 100

/** @throws FleetError for a fleet manager without a database; it makes one before it is ready */
export function fleetRecords(site: Site): FleetRecords {
  const reader = openFleetReader(site.path('fleet/fleet.db'))
  const stored = () => reader.view(Date.now()).stored
  const before = stored()
  return {
    arrived: async (made, stopped) => {
      let isStopped = false
      void stopped.then(() => {
        isStopped = true
      })
      const untilMs = performance.now() + LIMIT_MS
      while (stored() - before < made && !isStopped && performance.now() < untilMs)
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
      const arrived = stored() - before
      if (arrived >= made)
        return `The fleet manager has all ${made} of them: model, result bucket, latency bucket, alert, year; no patient.`
      return `The fleet manager has ${arrived} of ${made} so far; egress keeps the rest until it is acknowledged.`
    },
    close: () => reader.close(),
  }
}
