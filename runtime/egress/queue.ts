import { closeSync, existsSync, fchmodSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Randomness } from '../../device/crypto/randomness.ts'
import { type CheckpointMessage, checkpointMessage } from '../../device/outbound/messages.ts'
import {
  type BootNumber,
  bootNumber,
  type OutboundRecord,
  outboundRecord,
  type SequenceMark,
  type StreamId,
  sequenceMark,
  streamId,
} from '../../device/outbound/record.ts'
import { syncDirectory } from '../../device/platform/atomic-file.ts'
import { canonicalJson } from '../../device/platform/canonical-json.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { EgressError } from './errors.ts'

/** Numbers that egress draws itself; nothing of them comes from a decision. */
export interface QueuePosition {
  /** Drawn when the file is made: a file that was lost starts a stream of its own, and no sequence means two records. */
  readonly stream: StreamId
  /** One more at each start. */
  readonly boot: BootNumber
  readonly last: SequenceMark
  readonly acked: SequenceMark
}

export interface QueuedRecord {
  readonly sequence: number
  readonly record: OutboundRecord
}

/**
 * What waits to be acknowledged by the fleet manager. The file holds what the wire carries and nothing else: numbers, buckets and
 * flags that may leave the box as they are. It is therefore not encrypted, and egress needs no key but that of its certificate.
 */
export interface EgressQueue {
  position(): QueuePosition
  /** Highest row number taken from this source; 0 for a new one. */
  taken(source: string): number
  /**
   * Takes rows that were not taken before, in their order, and gives each its sequence; durable (fsync) on return.
   * @returns highest row number taken from this source @throws EgressError egress_queue_full | egress_queue_failed | egress_source_unknown
   */
  append(source: string, rows: readonly { readonly seq: number; readonly record: OutboundRecord }[]): number
  /** Records after a sequence, in order. */
  after(sequence: number, limit: number): QueuedRecord[]
  /** Drops what the fleet manager holds. A mark beyond what was given, or back, changes nothing. @returns whether it moved */
  acknowledge(through: number): boolean
  checkpoint(): CheckpointMessage | undefined
  saveCheckpoint(checkpoint: CheckpointMessage): void
  close(): void
}

export interface QueueOptions {
  readonly path: string
  readonly randomness: Randomness
  readonly maxRecords: number
}

const FORMAT = 1
const MAX_SOURCES = 64

const tables = [
  `CREATE TABLE position (id INTEGER PRIMARY KEY CHECK (id = 1), stream INTEGER NOT NULL, boot INTEGER NOT NULL,
    last INTEGER NOT NULL, acked INTEGER NOT NULL CHECK (acked <= last)) STRICT`,
  'CREATE TABLE sources (source TEXT PRIMARY KEY, taken INTEGER NOT NULL) STRICT, WITHOUT ROWID',
  'CREATE TABLE records (sequence INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT',
  'CREATE TABLE checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), message TEXT NOT NULL) STRICT',
  `PRAGMA user_version = ${FORMAT}`,
]

/**
 * Opens the queue, making it if it is not there, and draws this start's boot number.
 * @throws EgressError egress_queue_in_use | egress_queue_unusable | egress_queue_failed
 */
export function openQueue(options: QueueOptions): EgressQueue {
  let connection: Sqlite.Database | undefined
  try {
    createFile(options.path)
    connection = new Sqlite(options.path, { fileMustExist: true, timeout: 0 })
    connection.pragma('locking_mode=EXCLUSIVE')
    connection.pragma('journal_mode=WAL')
    connection.pragma('synchronous=FULL')
    connection.pragma('temp_store=MEMORY')
    prepareTables(connection, options.randomness)
    return new SqliteQueue(connection, options.maxRecords)
  } catch (error) {
    connection?.close()
    throw isWardstoneError(error) ? error : new EgressError(openFault(error), { cause: error })
  }
}

function openFault(error: unknown): 'egress_queue_in_use' | 'egress_queue_failed' | 'egress_queue_unusable' {
  const code = String((error as { code?: unknown }).code ?? '')
  if (code.startsWith('SQLITE_BUSY') || code === 'SQLITE_LOCKED') return 'egress_queue_in_use'
  return code === 'SQLITE_FULL' || code === 'ENOSPC' ? 'egress_queue_failed' : 'egress_queue_unusable'
}

function createFile(path: string): void {
  if (existsSync(path)) return
  const file = openSync(path, 'a', 0o600)
  fchmodSync(file, 0o600)
  closeSync(file)
  syncDirectory(dirname(path))
}

function prepareTables(connection: Sqlite.Database, randomness: Randomness): void {
  connection.prepare('BEGIN EXCLUSIVE').run()
  const format: unknown = connection.pragma('user_version', { simple: true })
  const isNew = connection.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
  if (isNew) for (const statement of tables) connection.exec(statement)
  else if (format !== FORMAT) throw new EgressError('egress_queue_unusable')
  const stream = Buffer.from(randomness.bytes(4)).readUInt32BE()
  connection
    .prepare('INSERT INTO position (id, stream, boot, last, acked) VALUES (1, ?, 0, 0, 0) ON CONFLICT (id) DO NOTHING')
    .run(stream)
  connection.prepare('UPDATE position SET boot = boot + 1').run()
  connection.prepare('COMMIT').run()
}

interface PositionRow {
  readonly stream: number
  readonly boot: number
  readonly last: number
  readonly acked: number
}

class SqliteQueue implements EgressQueue {
  readonly #connection: Sqlite.Database
  readonly #maxRecords: number
  #position: PositionRow

  constructor(connection: Sqlite.Database, maxRecords: number) {
    this.#connection = connection
    this.#maxRecords = maxRecords
    this.#position = this.#readPosition()
  }

  position(): QueuePosition {
    const { stream, boot, last, acked } = this.#position
    return {
      stream: streamId.parse(stream),
      boot: bootNumber.parse(boot),
      last: sequenceMark.parse(last),
      acked: sequenceMark.parse(acked),
    }
  }

  taken(source: string): number {
    const row = this.#connection
      .prepare<[string], { taken: number }>('SELECT taken FROM sources WHERE source = ?')
      .get(source)
    return row?.taken ?? 0
  }

  append(source: string, rows: readonly { readonly seq: number; readonly record: OutboundRecord }[]): number {
    const before = this.taken(source)
    const fresh = rows.filter(({ seq }) => seq > before)
    const taken = fresh.at(-1)?.seq
    if (taken === undefined) return before
    const { last, acked } = this.#position
    if (last - acked + fresh.length > this.#maxRecords) throw new EgressError('egress_queue_full')
    if (before === 0) this.#requireRoomForSource()
    const insert = this.#connection.prepare('INSERT INTO records (sequence, record) VALUES (?, ?)')
    this.#transact(() => {
      for (const [place, { record }] of fresh.entries())
        insert.run(last + 1 + place, canonicalJson(outboundRecord.parse(record)))
      this.#connection.prepare('UPDATE position SET last = ?').run(last + fresh.length)
      this.#connection
        .prepare(
          'INSERT INTO sources (source, taken) VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET taken = excluded.taken',
        )
        .run(source, taken)
    })
    return taken
  }

  after(sequence: number, limit: number): QueuedRecord[] {
    return this.#connection
      .prepare<[number, number], { sequence: number; record: string }>(
        'SELECT sequence, record FROM records WHERE sequence > ? ORDER BY sequence LIMIT ?',
      )
      .all(sequence, limit)
      .map((row) => ({ sequence: row.sequence, record: outboundRecord.parse(JSON.parse(row.record)) }))
  }

  acknowledge(through: number): boolean {
    const { last, acked } = this.#position
    if (!(through > acked && through <= last)) return false
    this.#transact(() => {
      this.#connection.prepare('DELETE FROM records WHERE sequence <= ?').run(through)
      this.#connection.prepare('UPDATE position SET acked = ?').run(through)
    })
    return true
  }

  checkpoint(): CheckpointMessage | undefined {
    const row = this.#connection.prepare<[], { message: string }>('SELECT message FROM checkpoint').get()
    return row === undefined ? undefined : checkpointMessage.parse(JSON.parse(row.message))
  }

  saveCheckpoint(checkpoint: CheckpointMessage): void {
    const save = this.#connection.prepare(
      'INSERT INTO checkpoint (id, message) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET message = excluded.message',
    )
    this.#transact(() => void save.run(canonicalJson(checkpoint)))
  }

  close(): void {
    this.#connection.close()
  }

  #requireRoomForSource(): void {
    const row = this.#connection.prepare<[], { count: number }>('SELECT count(*) AS count FROM sources').get()
    if ((row?.count ?? 0) >= MAX_SOURCES) throw new EgressError('egress_source_unknown')
  }

  /** Positions in memory move only after COMMIT. */
  #transact(work: () => void): void {
    try {
      this.#connection.transaction(work).immediate()
      this.#position = this.#readPosition()
    } catch (cause) {
      throw new EgressError('egress_queue_failed', { cause })
    }
  }

  #readPosition(): PositionRow {
    const row = this.#connection.prepare<[], PositionRow>('SELECT stream, boot, last, acked FROM position').get()
    if (row === undefined) throw new EgressError('egress_queue_unusable')
    return row
  }
}
