import type Sqlite from 'better-sqlite3'

/** What should not have been, in words for the operator. */
export const findingMeanings = {
  'device-unknown': 'A device that is not in the list sends; nothing of it is stored or acknowledged.',
  'message-invalid': 'A message does not follow the outbound schema, or was retained where none may be.',
  'record-changed':
    'The device sent another record under a number that was stored: its queue, or the whole box, went back in time.',
  'streams-too-many': 'The device began more queues than a box ever has; the further ones are not stored.',
  'checkpoint-unsigned': 'A checkpoint does not carry the signature of the pinned log key.',
  'checkpoint-forked': 'The log key signed two different logs of the same size: the log was rewritten.',
  'checkpoint-went-back': 'The device shows a log that is smaller than one it showed before: it was cut or set back.',
  'checkpoint-withheld': 'A checkpoint of a log that contradicted itself before: it is not taken into the history.',
} as const

export type FindingKind = keyof typeof findingMeanings

export interface Finding {
  readonly device: string
  readonly kind: FindingKind
  /** A signed note, or the two records; empty where a finding is only counted. */
  readonly evidence: string
}

/** Evidence that is kept for one device and kind; what comes after is counted with the last of them. */
const MAX_EVIDENCE = 64
/** Names that no list bounds: a device of the fleet may say any site. What devices of the list do is bounded by the list. */
const MAX_UNKNOWN = 1000

/** Writes findings inside the caller's transaction: each piece of evidence once, with how often and when it came. */
export function createFindings(database: Sqlite.Database): (finding: Finding, nowMs: number) => void {
  const repeat = database.prepare<[number, string, string, string]>(
    'UPDATE finding SET times = times + 1, last_at_ms = ? WHERE device = ? AND kind = ? AND evidence = ?',
  )
  const insert = database.prepare<[string, string, string, number, number]>(
    'INSERT INTO finding (device, kind, evidence, first_at_ms, last_at_ms, times) VALUES (?, ?, ?, ?, ?, 1)',
  )
  const ofKind = database.prepare<[string, string], { count: number }>(
    'SELECT count(*) AS count FROM finding WHERE device = ? AND kind = ?',
  )
  const unknown = database.prepare<[], { count: number }>(
    "SELECT count(*) AS count FROM finding WHERE kind = 'device-unknown'",
  )
  return ({ device, kind, evidence }, nowMs) => {
    if (repeat.run(nowMs, device, kind, evidence).changes > 0) return
    const kept = (ofKind.get(device, kind)?.count ?? 0) < MAX_EVIDENCE ? evidence : ''
    if (kept !== evidence && repeat.run(nowMs, device, kind, kept).changes > 0) return
    // A flood of such names must neither fill the disk nor leave no room for what matters.
    const isFull = kind === 'device-unknown' && (unknown.get()?.count ?? 0) >= MAX_UNKNOWN
    if (!isFull) insert.run(device, kind, kept, nowMs, nowMs)
  }
}
