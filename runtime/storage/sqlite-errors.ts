import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { isWardstoneError, type WardstoneError } from '../../device/platform/errors.ts'
import { StorageError } from './errors.ts'

/** Below this much free space an input/output error is put down to the full disk. */
const FULL_BELOW_BYTES = 1_048_576

/** True when a statement was refused by a constraint or a trigger: the data is at fault, not the disk. */
export function isConstraint(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_CONSTRAINT')
}

/** What SQLite raised, as one of our own errors; `path` is the database file. */
export function asStorageError(error: unknown, path: string): WardstoneError {
  if (isWardstoneError(error)) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') return new StorageError('storage_full', { cause: error })
  if (code === 'SQLITE_NOTADB') return new StorageError('storage_key_wrong', { cause: error })
  if (code.startsWith('SQLITE_BUSY') || code === 'SQLITE_LOCKED')
    return new StorageError('storage_locked', { cause: error })
  if (code.startsWith('SQLITE_IOERR') && isDiskFull(path)) return new StorageError('storage_full', { cause: error })
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_CORRUPT'))
    return new StorageError('storage_unreadable', { cause: error })
  return new StorageError('storage_failed', { cause: error })
}

function isDiskFull(path: string): boolean {
  try {
    const volume = statfsSync(dirname(path))
    return volume.bavail * volume.bsize < FULL_BELOW_BYTES
  } catch {
    return false
  }
}
