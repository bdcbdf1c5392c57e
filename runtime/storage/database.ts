import { closeSync, existsSync, fchmodSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { syncDirectory } from '../../device/platform/atomic-file.ts'
import { keyConnection, verifyCipher, verifyNotPlain } from './cipher.ts'
import { StorageError } from './errors.ts'
import { type Migration, migrations } from './schema.ts'
import { asStorageError } from './sqlite-errors.ts'

export type SqlValue = string | number | Uint8Array | null

export interface Statement<Row> {
  run(...values: SqlValue[]): void
  get(...values: SqlValue[]): Row | undefined
  all(...values: SqlValue[]): Row[]
  iterate(...values: SqlValue[]): IterableIterator<Row>
}

/** One connection to the encrypted evidence database, and nothing of SQLite beyond what the house needs. */
export interface Database {
  readonly path: string
  /** @throws StorageError storage_statement_refused for anything but rows: no second, unencrypted file can be reached. */
  prepare<Row>(sql: string): Statement<Row>
  /** BEGIN IMMEDIATE … COMMIT; returns after the fsync. Rolls back and throws a StorageError when anything fails. */
  transact<T>(work: () => T): T
  /** One snapshot for every read until `release`, while another connection writes on. */
  snapshot(): { release(): void }
  /** Frames in the write-ahead log. */
  walFrames(): number
  /** Moves the write-ahead log into the database file; TRUNCATE also empties it. */
  checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void
  /** Are tables, indexes and triggers exactly those that the migrations up to this database's version make? */
  isSchemaAsBuilt(): boolean
  /**
   * Writes all of it, as of this moment, into another file under the same key; a writer beside goes on. The file is there and empty.
   * @throws StorageError storage_full | storage_failed of the volume of the copy
   */
  copyInto(path: string): void
  /** Do the pages, and every index, hold what the tables hold? Of one table, or of all; reads all of it. */
  isIntact(table?: 'activations'): boolean
  close(): void
}

export interface DatabaseOptions {
  readonly path: string
  /** Raw 256-bit key. */
  readonly key: Uint8Array
  readonly readonly?: boolean
}

const BUSY_TIMEOUT_MS = 2000
/** The write-ahead log file is cut back to this size when it is reset. */
const WAL_LIMIT_BYTES = 67_108_864
const UNREADABLE = ['ENOENT', 'EACCES', 'EPERM', 'ENOTDIR', 'EISDIR', 'EROFS']
/** SQLite's authorizer is out of reach from Node, so the first word decides: no ATTACH, no PRAGMA, no VACUUM INTO. */
const ALLOWED = /^\s*(select|insert|update|delete)\b/i

/**
 * Opens the evidence database, making it if it is not there; the caller holds the instance lock unless it reads only.
 * A writer proves the cipher first. Every open sets the pragmas anew: SQLite forgets them.
 * @throws StorageError storage_key_wrong | storage_not_encrypted | storage_version_unsupported | storage_schema_altered |
 * storage_unreadable | storage_full | storage_failed
 */
export function openDatabase(options: DatabaseOptions): Database {
  const readonly = options.readonly === true
  try {
    if (!readonly) {
      verifyCipher(`${options.path}.self-test`, (path) => new Sqlite(path))
      createFile(options.path)
    }
    verifyNotPlain(options.path)
    return prepareDatabase(
      new Sqlite(options.path, { readonly, fileMustExist: true, timeout: BUSY_TIMEOUT_MS }),
      options,
    )
  } catch (error) {
    throw isMissing(error)
      ? new StorageError('storage_unreadable', { cause: error })
      : asStorageError(error, options.path)
  }
}

function prepareDatabase(connection: Sqlite.Database, options: DatabaseOptions): Database {
  try {
    keyConnection(connection, options.key)
    setPragmas(connection, options.readonly === true)
    const database = createDatabase(connection, options.path)
    migrate(connection, database, options.readonly === true)
    verifyNotPlain(options.path)
    return database
  } catch (error) {
    connection.close()
    throw error
  }
}

/** The file is made by us, so that its mode is 0600 from its first byte; SQLite gives -wal and -shm the same mode. */
function createFile(path: string): void {
  if (existsSync(path)) return
  const file = openSync(path, 'a', 0o600)
  fchmodSync(file, 0o600)
  closeSync(file)
  syncDirectory(dirname(path))
}

function setPragmas(connection: Sqlite.Database, readonly: boolean): void {
  if (!readonly) connection.pragma('journal_mode=WAL')
  connection.pragma('synchronous=FULL')
  connection.pragma('temp_store=MEMORY') // sorts that spill would be plain text on disk
  connection.pragma('wal_autocheckpoint=0') // not inside somebody's commit
  connection.pragma(`journal_size_limit=${WAL_LIMIT_BYTES}`)
  connection.pragma('foreign_keys=ON')
  connection.pragma('recursive_triggers=ON') // else INSERT OR REPLACE deletes past the triggers
  connection.pragma('trusted_schema=OFF')
  connection.pragma('cell_size_check=ON')
  connection.pragma('secure_delete=ON')
}

function createDatabase(connection: Sqlite.Database, path: string): Database {
  const begin = connection.prepare('BEGIN IMMEDIATE')
  const commit = connection.prepare('COMMIT')
  const rollback = connection.prepare('ROLLBACK')
  const undo = () => {
    if (connection.inTransaction) rollback.run()
  }
  return {
    path,
    prepare: <Row>(sql: string) => {
      if (!ALLOWED.test(sql)) throw new StorageError('storage_statement_refused')
      return connection.prepare<SqlValue[], Row>(sql)
    },
    transact: (work) => {
      try {
        begin.run()
        const result = work()
        commit.run()
        return result
      } catch (error) {
        // Some faults (a full disk among them) have already rolled back inside SQLite.
        undo()
        throw asStorageError(error, path)
      }
    },
    snapshot: () => {
      connection.prepare('BEGIN').run()
      connection.prepare('SELECT count(*) FROM migrations').get() // a deferred transaction takes its snapshot at the first read
      return { release: undo }
    },
    walFrames: () => frames(connection.pragma('wal_checkpoint(NOOP)')),
    checkpoint: (mode) => {
      try {
        connection.pragma(`wal_checkpoint(${mode})`)
      } catch (error) {
        throw asStorageError(error, path)
      }
    },
    copyInto: (target) => {
      try {
        connection.prepare('VACUUM INTO ?').run(target)
      } catch (error) {
        throw asStorageError(error, target)
      }
    },
    isSchemaAsBuilt: () => schemaText(connection) === builtSchema(version(connection)),
    isIntact: (table) => connection.pragma(`integrity_check(${table ?? 1})`, { simple: true }) === 'ok',
    close: () => connection.close(),
  }
}

function frames(rows: unknown): number {
  const [row] = Array.isArray(rows) ? rows : []
  return typeof row?.log === 'number' ? Math.max(0, row.log) : 0
}

function migrate(connection: Sqlite.Database, database: Database, readonly: boolean): void {
  const latest = migrations.length
  const stands = version(connection)
  // A reader leaves an older database as it is: what a migration adds for reading only makes it faster.
  if (stands > latest || (readonly && stands === 0)) throw new StorageError('storage_version_unsupported')
  if (stands < latest && !readonly) database.transact(() => apply(connection, migrations.slice(stands)))
  // A reader looks on, so that the verifier can say what was done; a writer does not add to a database that was altered.
  // The version floors are read through an index, and an index can be emptied without a trace in the schema.
  if (!readonly && !(database.isSchemaAsBuilt() && database.isIntact('activations'))) {
    throw new StorageError('storage_schema_altered')
  }
}

function version(connection: Sqlite.Database): number {
  const table = connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'").get()
  if (table === undefined) return 0
  const row = connection.prepare<[], { version: number | null }>('SELECT max(version) AS version FROM migrations').get()
  return row?.version ?? 0
}

function apply(connection: Sqlite.Database, steps: readonly Migration[]): void {
  for (const step of steps) {
    for (const statement of step.statements) connection.exec(statement)
    connection.prepare('INSERT INTO migrations (version) VALUES (?)').run(step.version)
  }
}

function schemaText(connection: Sqlite.Database): string {
  const rows = connection
    .prepare<[], { text: string }>(
      "SELECT type || ' ' || name || ' ' || coalesce(sql, '') AS text FROM sqlite_schema ORDER BY type, name",
    )
    .all()
  return rows.map((row) => row.text).join('\n')
}

/** The schema as the migrations up to a version make it, from an empty database in memory. */
function builtSchema(upTo: number): string {
  const model = new Sqlite(':memory:')
  try {
    apply(model, migrations.slice(0, upTo))
    return schemaText(model)
  } finally {
    model.close()
  }
}

function isMissing(error: unknown): boolean {
  if (error instanceof TypeError) return error.message.startsWith('Cannot open database')
  return error instanceof Error && 'code' in error && UNREADABLE.includes(String(error.code))
}
