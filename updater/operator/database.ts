import { closeSync, existsSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { syncDirectory } from '../../device/platform/atomic-file.ts'
import { isWardstoneError, type WardstoneError } from '../../device/platform/errors.ts'
import { FleetError } from './errors.ts'
import { APPLICATION_ID, fleetSchema } from './schema.ts'

/** Several collectors write to one file in turn; each waits this long for the others. */
const BUSY_TIMEOUT_MS = 10_000

/**
 * Opens the fleet's database, one file for all collectors of this machine; a writer makes it when it is not there.
 * @throws FleetError fleet_store_unreadable | fleet_store_foreign | fleet_store_full | fleet_store_failed
 */
export function openFleetDatabase(path: string, mode: 'write' | 'read'): Sqlite.Database {
  try {
    if (mode === 'write') createFile(path)
    const database = new Sqlite(path, { readonly: mode === 'read', fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
    try {
      prepare(database, mode)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  } catch (error) {
    throw asFleetError(error)
  }
}

/** Made by us, so that nobody else can read it from its first byte on. */
function createFile(path: string): void {
  if (existsSync(path)) return
  closeSync(openSync(path, 'a', 0o600))
  syncDirectory(dirname(path))
}

function prepare(database: Sqlite.Database, mode: 'write' | 'read'): void {
  if (mode === 'write') database.pragma('journal_mode=WAL')
  // WAL reopens at NORMAL, which may lose the last commits at a power cut: an acknowledged record must not be among them.
  database.pragma('synchronous=FULL')
  database.pragma('foreign_keys=ON')
  database.pragma('trusted_schema=OFF')
  database.pragma('temp_store=MEMORY')
  if (mode === 'write') database.transaction(() => migrate(database)).immediate()
  else verifyVersion(database)
}

function migrate(database: Sqlite.Database): void {
  const tables = database.prepare<[], { count: number }>('SELECT count(*) AS count FROM sqlite_schema').get()?.count
  if (tables === 0) database.pragma(`application_id=${APPLICATION_ID}`)
  const version = verifyVersion(database)
  if (version === fleetSchema.length) return
  for (const step of fleetSchema.slice(version)) database.exec(step)
  database.pragma(`user_version=${fleetSchema.length}`)
}

function verifyVersion(database: Sqlite.Database): number {
  const version = database.pragma('user_version', { simple: true })
  const isOurs = database.pragma('application_id', { simple: true }) === APPLICATION_ID
  if (!isOurs || typeof version !== 'number' || version > fleetSchema.length)
    throw new FleetError('fleet_store_foreign')
  return version
}

/** True for faults of the database that pass: another collector writes, or the disk is full for now. */
export function isPassing(error: unknown): boolean {
  const code = sqliteCode(error instanceof FleetError ? error.cause : error)
  return code.startsWith('SQLITE_BUSY') || code === 'SQLITE_FULL' || code.startsWith('SQLITE_IOERR')
}

/** What SQLite raised, as one of our own. */
export function asFleetError(error: unknown): WardstoneError {
  if (isWardstoneError(error)) return error
  const code = sqliteCode(error)
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') return new FleetError('fleet_store_full', { cause: error })
  if (code === 'SQLITE_NOTADB') return new FleetError('fleet_store_foreign', { cause: error })
  const isUnreadable = code.startsWith('SQLITE_CORRUPT') || code.startsWith('E')
  // The library reports a missing folder as a TypeError without a code.
  const isMissing = error instanceof TypeError && error.message.startsWith('Cannot open database')
  if (isMissing || code.startsWith('SQLITE_CANTOPEN'))
    return new FleetError('fleet_store_unreadable', { cause: error, about: 'not there; serve makes it' })
  return new FleetError(isUnreadable ? 'fleet_store_unreadable' : 'fleet_store_failed', { cause: error })
}

function sqliteCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
