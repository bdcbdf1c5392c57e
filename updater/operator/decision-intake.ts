import type Sqlite from 'better-sqlite3'
import type { DecisionsMessage } from '../../device/outbound/messages.ts'
import { canonicalJson } from '../../device/platform/canonical-json.ts'
import type { FindingKind } from './findings.ts'

/** A fault that an intake met, for the caller to record. */
export type Fault = { readonly kind: FindingKind; readonly evidence: string }

export interface DecisionIntake {
  /** Stores what is new of a message. @returns the faults; nothing is thrown for what a device sends */
  add(device: number, message: DecisionsMessage, nowMs: number): Fault[]
  /** Takes `acked` as given: it was acknowledged, so that it will never be sent again. @returns true when that moved the stream. */
  raise(device: number, stream: number, acked: number): boolean
  /** Highest number up to which all is stored. */
  through(device: number, stream: number): number | undefined
}

interface StreamRow {
  readonly through: number
}

/** A queue file is new when a box is new, or was restored: not often. */
const MAX_STREAMS = 1000

/**
 * Counts every record once, by (device, stream, sequence). All of it runs inside the caller's transaction, so that what
 * is acknowledged and what is stored move together.
 */
export function createDecisionIntake(database: Sqlite.Database): DecisionIntake {
  const find = database.prepare<[number, number], StreamRow>(
    'SELECT through FROM stream WHERE device = ? AND stream = ?',
  )
  const count = database.prepare<[number], { count: number }>('SELECT count(*) AS count FROM stream WHERE device = ?')
  const begin = database.prepare<[number, number]>('INSERT INTO stream (device, stream) VALUES (?, ?)')
  const insert = database.prepare<[number, number, number, number, string]>(
    'INSERT INTO decision (device, stream, sequence, received_at_ms, record) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const stored = database.prepare<[number, number, number], { record: string }>(
    'SELECT record FROM decision WHERE device = ? AND stream = ? AND sequence = ?',
  )
  const above = database.prepare<[number, number, number], { sequence: number }>(
    'SELECT sequence FROM decision WHERE device = ? AND stream = ? AND sequence > ? ORDER BY sequence',
  )
  const held = database.prepare<[number, number, number, number], { count: number }>(
    'SELECT count(*) AS count FROM decision WHERE device = ? AND stream = ? AND sequence > ? AND sequence <= ?',
  )
  const move = database.prepare<[number, number, number, number, number, number]>(
    'UPDATE stream SET through = ?, highest = max(highest, ?), stored = stored + ?, missing = missing + ? WHERE device = ? AND stream = ?',
  )

  const open = (device: number, stream: number): StreamRow | undefined => {
    const row = find.get(device, stream)
    if (row !== undefined) return row
    if ((count.get(device)?.count ?? 0) >= MAX_STREAMS) return undefined
    begin.run(device, stream)
    return { through: 0 }
  }
  /** The end of the unbroken run that starts behind `through`. */
  const endOfRun = (device: number, stream: number, through: number): number => {
    let end = through
    for (const { sequence } of above.iterate(device, stream, through)) {
      if (sequence !== end + 1) break
      end = sequence
    }
    return end
  }
  const store = (device: number, stream: number, sequence: number, record: string, nowMs: number) => {
    if (insert.run(device, stream, sequence, nowMs, record).changes > 0) return 'new'
    return stored.get(device, stream, sequence)?.record === record ? 'known' : 'changed'
  }

  return {
    add: (device, message, nowMs) => {
      const { stream, first, records } = message
      const row = open(device, stream)
      if (row === undefined) return [{ kind: 'streams-too-many', evidence: '' }]
      const faults: Fault[] = []
      let [added, found] = [0, 0]
      for (const [index, each] of records.entries()) {
        const sequence = first + index
        const record = canonicalJson(each)
        const result = store(device, stream, sequence, record, nowMs)
        if (result === 'new') added += 1
        // Counted as missing when the device said that another had acknowledged it; it was on its way all the same.
        if (result === 'new' && sequence <= row.through) found += 1
        // The first one stays: it was acknowledged, and may have been exported.
        if (result === 'changed')
          faults.push(recordChanged(stream, sequence, record, stored.get(device, stream, sequence)))
      }
      const through = endOfRun(device, stream, row.through)
      move.run(through, first + records.length - 1, added, -found, device, stream)
      return faults
    },
    raise: (device, stream, acked) => {
      const row = open(device, stream)
      if (row === undefined || acked <= row.through) return false
      const missing = acked - row.through - (held.get(device, stream, row.through, acked)?.count ?? 0)
      move.run(endOfRun(device, stream, acked), acked, 0, missing, device, stream)
      return true
    },
    through: (device, stream) => find.get(device, stream)?.through,
  }
}

function recordChanged(stream: number, sequence: number, sent: string, row: { record: string } | undefined): Fault {
  return {
    kind: 'record-changed',
    evidence: `{"sent":${sent},"sequence":${sequence},"stored":${row?.record ?? 'null'},"stream":${stream}}`,
  }
}
