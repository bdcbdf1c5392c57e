import { closeSync, existsSync, fchmodSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Randomness } from '../../device/crypto/randomness.ts'
import {
  type BootNumber,
  bootNumber,
  MAX_SEQUENCE,
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
  /** One more at each start, and at each connection of it but the first. */
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
  /**
   * Notices a queue that is an older copy of itself: the runtime has removed rows, up to `given`, that this file knows nothing of. Its
   * next numbers then stand for other records already, so that a new stream has to begin.
   * @returns highest row number taken from this source; 0 for a new one
   */
  meet(source: string, given: number): number
  /**
   * Takes rows that were not taken before, in their order, as many as there is room for, and gives each its sequence; durable (fsync)
   * on return.
   * @returns highest row number taken from this source
   * @throws EgressError egress_queue_full | egress_queue_behind | egress_queue_failed | egress_source_unknown
   */
  append(source: string, rows: readonly { readonly seq: number; readonly record: OutboundRecord }[]): number
  /** Records after a sequence, in order. */
  after(sequence: number, limit: number): QueuedRecord[]
  /** Of an older copy the fleet manager may well hold more than was given here. */
  mayAcknowledge(through: number): boolean
  /** Drops what the fleet manager holds. A mark that may not be, or is not news, changes nothing. @returns whether it moved */
  acknowledge(through: number): boolean
  /** Draws the next boot number. */
  drawBoot(): void
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
    return new SqliteQueue(connection, options)
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
  connection
    .prepare('INSERT INTO position (id, stream, boot, last, acked) VALUES (1, ?, 0, 0, 0) ON CONFLICT (id) DO NOTHING')
    .run(drawStream(randomness))
  connection.prepare('UPDATE position SET boot = boot + 1').run()
  connection.prepare('COMMIT').run()
}

function drawStream(randomness: Randomness): number {
  return Buffer.from(randomness.bytes(4)).readUInt32BE()
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
  readonly #randomness: Randomness
  #position: PositionRow
  #isBehind = false

  constructor(connection: Sqlite.Database, { maxRecords, randomness }: QueueOptions) {
    this.#connection = connection
    this.#maxRecords = maxRecords
    this.#randomness = randomness
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

  meet(source: string, given: number): number {
    const taken = this.#taken(source)
    if (taken < given && this.#position.last > 0) this.#isBehind = true
    return taken
  }

  #taken(source: string): number {
    const row = this.#connection
      .prepare<[string], { taken: number }>('SELECT taken FROM sources WHERE source = ?')
      .get(source)
    return row?.taken ?? 0
  }

  append(source: string, rows: readonly { readonly seq: number; readonly record: OutboundRecord }[]): number {
    const before = this.#taken(source)
    const news = rows.filter(({ seq }) => seq > before)
    if (news.length === 0) return before
    const isEnding = this.#isBehind || this.#position.last + news.length > MAX_SEQUENCE
    // Numbers of this file that are not acknowledged must keep their meaning; only behind them another stream can begin.
    if (isEnding && this.#position.acked < this.#position.last) throw new EgressError('egress_queue_behind')
    const { last, acked } = isEnding ? { last: 0, acked: 0 } : this.#position
    const fresh = news.slice(0, Math.max(0, this.#maxRecords - (last - acked)))
    const taken = fresh.at(-1)?.seq
    if (taken === undefined) throw new EgressError('egress_queue_full')
    if (before === 0) this.#requireRoomForSource()
    const insert = this.#connection.prepare('INSERT INTO records (sequence, record) VALUES (?, ?)')
    this.#transact(() => {
      if (isEnding)
        this.#connection
          .prepare('UPDATE position SET acked = 0, last = 0, stream = ?')
          .run(drawStream(this.#randomness))
      for (const [place, { record }] of fresh.entries())
        insert.run(last + 1 + place, canonicalJson(outboundRecord.parse(record)))
      this.#connection.prepare('UPDATE position SET last = ?').run(last + fresh.length)
      this.#connection
        .prepare(
          'INSERT INTO sources (source, taken) VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET taken = excluded.taken',
        )
        .run(source, taken)
    })
    this.#isBehind = false
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

  mayAcknowledge(through: number): boolean {
    return through <= this.#position.last || this.#isBehind
  }

  acknowledge(through: number): boolean {
    const { last, acked } = this.#position
    const held = Math.min(through, last)
    if (!this.mayAcknowledge(through) || !(held > acked)) return false
    this.#transact(() => {
      this.#connection.prepare('DELETE FROM records WHERE sequence <= ?').run(held)
      this.#connection.prepare('UPDATE position SET acked = ?').run(held)
    })
    return true
  }

  drawBoot(): void {
    this.#transact(() => void this.#connection.prepare('UPDATE position SET boot = boot + 1').run())
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
