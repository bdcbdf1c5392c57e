import type Sqlite from 'better-sqlite3'
import type { OutboundRecord } from '../../device/outbound/record.ts'
import { asFleetError, openFleetDatabase } from './database.ts'
import type { FindingKind } from './findings.ts'

/** One device as the fleet knows it. Times are milliseconds since the epoch, by the clock of the collectors. */
export interface DeviceView {
  readonly device: string
  /** `quiet`: said to be online, but not heard for longer than a state is repeated. */
  readonly state: 'online' | 'quiet' | 'offline' | 'unknown'
  /** How an offline device went: `lost` is the broker's word. */
  readonly how: 'stopped' | 'lost' | null
  readonly sinceMs: number | null
  readonly heardAtMs: number | null
  readonly boot: number | null
  readonly stored: number
  readonly lastMinute: number
  /** Given a number on the device and not stored here yet. */
  readonly waiting: number
  /** Acknowledged before this database began: not in it. */
  readonly missing: number
  /** `brokenSinceMs`: the log contradicted itself then, and nothing newer was taken. */
  readonly checkpoint: {
    readonly size: number
    readonly receivedAtMs: number
    readonly brokenSinceMs: number | null
  } | null
  readonly findings: number
  /** As the device sent it, in buckets (device/outbound/device-state.ts). */
  readonly condition: unknown
}

export interface FindingView {
  readonly device: string
  readonly kind: FindingKind
  readonly times: number
  readonly firstAtMs: number
  readonly lastAtMs: number
  readonly evidence: string
}

export interface FleetView {
  readonly atMs: number
  readonly devices: readonly DeviceView[]
  readonly stored: number
  /** Records of the last minute, in slots of {@link SLOT_MS}, oldest first. */
  readonly traffic: readonly number[]
  readonly alertsLastMinute: number
  readonly findings: readonly Omit<FindingView, 'evidence'>[]
}

export interface CheckpointView {
  readonly origin: string
  readonly size: number
  readonly root: string
  readonly note: string
  readonly receivedAtMs: number
}

export interface StoredDecision {
  readonly device: string
  readonly stream: number
  readonly sequence: number
  readonly receivedAtMs: number
  readonly record: OutboundRecord
}

export interface FleetReader {
  /** One snapshot of everything that `watch` shows. */
  view(nowMs: number): FleetView
  /** All records received in [fromMs, toMs), in the order of their arrival. */
  decisions(fromMs: number, toMs: number): Iterable<StoredDecision>
  hasDevice(device: string): boolean
  /** The history of a device's logs: the log heard last comes first, and of each the largest checkpoint. */
  checkpoints(device: string): CheckpointView[]
  findings(): FindingView[]
  close(): void
}

const MINUTE_MS = 60_000
export const SLOT_MS = 5000
/** A state is repeated about once a minute. */
const QUIET_AFTER_MS = 3 * MINUTE_MS
const MAX_CHECKPOINTS = 100_000

const DEVICES = `
  SELECT d.name AS device, s.boot, s.is_online AS isOnline, s.since_ms AS sinceMs, s.heard_at_ms AS heardAtMs,
    s.last, s.how, s.condition,
    (SELECT coalesce(sum(stored), 0) FROM stream WHERE device = d.id) AS stored,
    (SELECT coalesce(sum(missing), 0) FROM stream WHERE device = d.id) AS missing,
    (SELECT highest FROM stream WHERE device = d.id AND stream = s.stream) AS highest,
    (SELECT through FROM stream WHERE device = d.id AND stream = s.stream) AS through,
    (SELECT coalesce(sum(times), 0) FROM finding WHERE device = d.name) AS findings,
    l.size, l.received_at_ms AS checkpointAtMs, l.broken_since_ms AS brokenSinceMs
  FROM device d
  LEFT JOIN state s ON s.device = d.id
  LEFT JOIN log l ON l.device = d.id AND l.origin = (
    SELECT origin FROM log WHERE device = d.id ORDER BY received_at_ms DESC LIMIT 1)
  ORDER BY d.name`

interface DeviceRow {
  readonly device: string
  readonly boot: number | null
  readonly isOnline: number | null
  readonly sinceMs: number | null
  readonly heardAtMs: number | null
  readonly last: number | null
  readonly how: 'stopped' | 'lost' | null
  readonly condition: string | null
  readonly stored: number
  readonly missing: number
  readonly highest: number | null
  readonly through: number | null
  readonly findings: number
  readonly size: number | null
  readonly checkpointAtMs: number | null
  readonly brokenSinceMs: number | null
}

/** @throws FleetError fleet_store_unreadable | fleet_store_foreign */
export function openFleetReader(path: string): FleetReader {
  const database = openFleetDatabase(path, 'read')
  const guarded = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw asFleetError(error)
    }
  }
  return {
    view: (nowMs) => guarded(() => database.transaction(() => readView(database, nowMs))()),
    decisions: (fromMs, toMs) => readDecisions(database, fromMs, toMs),
    hasDevice: (device) => database.prepare<[string]>('SELECT 1 FROM device WHERE name = ?').get(device) !== undefined,
    checkpoints: (device) => guarded(() => readCheckpoints(database, device)),
    findings: () => guarded(() => readFindings(database)),
    close: () => database.close(),
  }
}

function readView(database: Sqlite.Database, nowMs: number): FleetView {
  const recent = database
    .prepare<[{ since: number }], { device: string; slot: number; records: number; alerts: number }>(`
      SELECT d.name AS device, CAST((r.received_at_ms - @since) / ${SLOT_MS} AS INTEGER) AS slot, count(*) AS records,
        sum(json_extract(r.record, '$.alert')) AS alerts
      FROM decision r JOIN device d ON d.id = r.device WHERE r.received_at_ms > @since GROUP BY 1, 2`)
    .all({ since: nowMs - MINUTE_MS })
  const sumOf = (rows: typeof recent, of: 'records' | 'alerts') => rows.reduce((sum, row) => sum + row[of], 0)
  const rows = database.prepare<[], DeviceRow>(DEVICES).all()
  const devices = rows.map((row) =>
    deviceView(
      row,
      sumOf(
        recent.filter(({ device }) => device === row.device),
        'records',
      ),
      nowMs,
    ),
  )
  return {
    atMs: nowMs,
    devices,
    stored: devices.reduce((sum, { stored }) => sum + stored, 0),
    traffic: Array.from({ length: MINUTE_MS / SLOT_MS }, (_, slot) =>
      sumOf(
        recent.filter((row) => row.slot === slot),
        'records',
      ),
    ),
    alertsLastMinute: sumOf(recent, 'alerts'),
    findings: readFindings(database).map(({ evidence, ...finding }) => finding),
  }
}

function deviceView(row: DeviceRow, lastMinute: number, nowMs: number): DeviceView {
  const { size, checkpointAtMs, brokenSinceMs, condition, isOnline, last, highest, through, ...view } = row
  return {
    ...view,
    state: stateOf(isOnline, row.heardAtMs, nowMs),
    lastMinute,
    waiting: Math.max(0, Math.max(last ?? 0, highest ?? 0) - (through ?? 0)),
    checkpoint: size === null || checkpointAtMs === null ? null : { size, receivedAtMs: checkpointAtMs, brokenSinceMs },
    condition: condition === null ? null : JSON.parse(condition),
  }
}

function stateOf(isOnline: number | null, heardAtMs: number | null, nowMs: number): DeviceView['state'] {
  if (isOnline === null) return 'unknown'
  if (isOnline === 0) return 'offline'
  return nowMs - (heardAtMs ?? 0) > QUIET_AFTER_MS ? 'quiet' : 'online'
}

function* readDecisions(database: Sqlite.Database, fromMs: number, toMs: number): Iterable<StoredDecision> {
  const rows = database
    .prepare<[number, number], Omit<StoredDecision, 'record'> & { record: string }>(`
      SELECT d.name AS device, r.stream, r.sequence, r.received_at_ms AS receivedAtMs, r.record
      FROM decision r JOIN device d ON d.id = r.device
      WHERE r.received_at_ms >= ? AND r.received_at_ms < ?
      ORDER BY r.received_at_ms, r.device, r.stream, r.sequence`)
    .iterate(fromMs, toMs)
  try {
    for (const row of rows) yield { ...row, record: JSON.parse(row.record) }
  } catch (error) {
    throw asFleetError(error)
  }
}

function readCheckpoints(database: Sqlite.Database, device: string): CheckpointView[] {
  return database
    .prepare<[string, number], CheckpointView>(`
      SELECT c.origin, c.size, c.root, c.note, c.received_at_ms AS receivedAtMs
      FROM checkpoint c JOIN device d ON d.id = c.device JOIN log l ON l.device = c.device AND l.origin = c.origin
      WHERE d.name = ? ORDER BY l.received_at_ms DESC, c.origin, c.size DESC LIMIT ?`)
    .all(device, MAX_CHECKPOINTS)
}

function readFindings(database: Sqlite.Database): FindingView[] {
  return database
    .prepare<[], FindingView>(`
      SELECT device, kind, times, first_at_ms AS firstAtMs, last_at_ms AS lastAtMs, evidence
      FROM finding ORDER BY last_at_ms DESC, device, kind, evidence`)
    .all()
}
