import type Sqlite from 'better-sqlite3'
import type { Fault } from './decision-intake.ts'

/** A checkpoint whose signature was verified with the key that is pinned for the device. */
export interface SignedCheckpoint {
  readonly origin: string
  readonly size: number
  /** Lowercase hex. */
  readonly root: string
  readonly note: string
}

/** When this collector began to listen, and what the device has shown it since: what tells late from gone back. */
export interface Listening {
  readonly sinceMs: number
  readonly largest: number
}

export interface CheckpointHistory {
  /** Keeps a checkpoint that continues the history. @returns why it does not, or undefined */
  add(device: number, checkpoint: SignedCheckpoint, listening: Listening, nowMs: number): Fault | undefined
}

/** QoS 1 may repeat a message, after a reconnect even an older one than the last; that long after it was first there. */
const REPEAT_MS = 5 * 60_000
/** Of what is older than an hour, the last checkpoint of each hour is kept. */
const HOUR_MS = 3_600_000

/**
 * The fleet's memory of a log. A log only grows, so a device that shows a smaller one, or another one of a size that
 * it showed before, was set back or rewritten (RFC 6962, section 2.1: one size, one root). From then on nothing of this
 * log is taken: the newest checkpoint stays the last one before the contradiction, which the box can not explain away
 * by growing on. What lies between two sizes is not compared here: `wardstone audit verify --checkpoint` does that on
 * the box, with the newest of these.
 */
export function createCheckpointHistory(database: Sqlite.Database): CheckpointHistory {
  const sameSize = database.prepare<[number, string, number], { root: string; at: number }>(
    'SELECT root, received_at_ms AS at FROM checkpoint WHERE device = ? AND origin = ? AND size = ?',
  )
  // What was received later than now was received before the clock was set back: it binds as well.
  const largest = database.prepare<[number, string, number, number], { size: number }>(`
    SELECT size FROM checkpoint WHERE device = ? AND origin = ? AND (received_at_ms < ? OR received_at_ms > ?)
    ORDER BY size DESC LIMIT 1`)
  const insert = database.prepare<[number, string, number, string, string, number]>(
    'INSERT INTO checkpoint (device, origin, size, root, note, received_at_ms) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const findLog = database.prepare<[number, string], { at: number; broken: number | null }>(
    'SELECT received_at_ms AS at, broken_since_ms AS broken FROM log WHERE device = ? AND origin = ?',
  )
  const putLog = database.prepare<[number, string, number, number]>(`
    INSERT INTO log (device, origin, size, received_at_ms) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET size = max(size, excluded.size), received_at_ms = excluded.received_at_ms`)
  const breakLog = database.prepare<[number, number, string]>(
    'UPDATE log SET broken_since_ms = coalesce(broken_since_ms, ?) WHERE device = ? AND origin = ?',
  )
  const thin = database.prepare<[{ device: number; origin: string; before: number }]>(`
    DELETE FROM checkpoint WHERE device = @device AND origin = @origin AND received_at_ms < @before AND size NOT IN (
      SELECT max(size) FROM checkpoint WHERE device = @device AND origin = @origin GROUP BY received_at_ms / ${HOUR_MS})`)

  /** What in this checkpoint cannot be of the log that was shown before. */
  const contradiction = (device: number, checkpoint: SignedCheckpoint, listening: Listening, nowMs: number) => {
    const { origin, size, root } = checkpoint
    const known = sameSize.get(device, origin, size)
    if (known !== undefined && known.root !== root) return 'checkpoint-forked'
    // Another collector may be ahead of this one: only what was there before it listened, and what it heard itself, bind.
    const bound = Math.max(listening.largest, largest.get(device, origin, listening.sinceMs, nowMs)?.size ?? 0)
    const isRepeat = known !== undefined && Math.abs(nowMs - known.at) < REPEAT_MS
    return size < bound && !isRepeat ? 'checkpoint-went-back' : undefined
  }
  return {
    add: (device, checkpoint, listening, nowMs) => {
      const { origin, size, root, note } = checkpoint
      const kind = contradiction(device, checkpoint, listening, nowMs)
      if (kind !== undefined) {
        breakLog.run(nowMs, device, origin)
        return { kind, evidence: note }
      }
      if (sameSize.get(device, origin, size) !== undefined) return undefined
      const log = findLog.get(device, origin)
      if (log !== undefined && log.broken !== null) return { kind: 'checkpoint-withheld', evidence: note }
      insert.run(device, origin, size, root, note, nowMs)
      putLog.run(device, origin, size, nowMs)
      const isNewHour = log !== undefined && Math.floor(log.at / HOUR_MS) !== Math.floor(nowMs / HOUR_MS)
      if (isNewHour) thin.run({ device, origin, before: nowMs - HOUR_MS })
      return undefined
    },
  }
}
