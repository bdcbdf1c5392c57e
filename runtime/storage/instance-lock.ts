import { closeSync, existsSync, openSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { StorageError } from './errors.ts'
import { asStorageError } from './sqlite-errors.ts'

/** Of two that ask at the same moment each could see the other's first step and both give up; so long they try again. */
const SETTLE_MS = 300

/** A connection that is no longer referred to is collected, and its lock with it: those that hold one are kept here. */
const held = new Set<Sqlite.Database>()

/**
 * Makes this process the only one that writes the site. An SQLite exclusive lock on an empty file of its own: the kernel
 * drops it when the process ends in whatever way, so there is no stale lock to clear. Nothing else may open the file: closing
 * any descriptor of it in the same process drops the lock.
 * @throws StorageError storage_locked when another process (or this one) holds it; storage_unreadable when it cannot be made.
 */
export function acquireInstanceLock(path: string): { release(): void } {
  let connection: Sqlite.Database | undefined
  try {
    // Never when it exists: closing any descriptor of the file would drop a lock this process already holds (fcntl).
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
    connection = new Sqlite(path, { timeout: SETTLE_MS })
    connection.pragma('locking_mode=EXCLUSIVE')
    connection.pragma('journal_mode=MEMORY') // the lock never leaves a journal beside it
    connection.prepare('BEGIN EXCLUSIVE').run()
  } catch (error) {
    connection?.close()
    const known = asStorageError(error, path)
    throw known.code === 'storage_locked'
      ? known
      : new StorageError('storage_unreadable', { cause: error, about: 'instance lock' })
  }
  return hold(connection)
}

function hold(connection: Sqlite.Database): { release(): void } {
  held.add(connection)
  return {
    release: () => {
      held.delete(connection)
      connection.close()
    },
  }
}
