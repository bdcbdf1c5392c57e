import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { ModelStore } from '../../models/store/layout.ts'
import { asStoreFault, UpdaterError } from './errors.ts'

const LOCK_FILE = 'updater.lock'
/** Of two that start at the same moment each could see the other's first step and both give up; so long they try again. */
const SETTLE_MS = 300

/** A connection that is no longer referred to is collected, and its lock with it. */
const held = new Set<Sqlite.Database>()

export interface StoreLock {
  release(): void
}

/**
 * Makes this process the one writer of the store: an SQLite exclusive lock on an empty file, which the kernel drops when the
 * process ends in whatever way, so that nothing stale has to be cleared.
 * @throws UpdaterError updater_store_in_use | updater_store_full | updater_store_unwritable
 */
export function lockStore(store: ModelStore): StoreLock {
  const path = join(store.root, LOCK_FILE)
  let connection: Sqlite.Database | undefined
  try {
    // Never when it exists: closing any descriptor of the file would drop a lock that this process already holds (fcntl).
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
    connection = new Sqlite(path, { timeout: SETTLE_MS })
    connection.pragma('locking_mode=EXCLUSIVE')
    connection.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    connection?.close()
    throw lockFault(error)
  }
  const lock = connection
  held.add(lock)
  return {
    release: () => {
      held.delete(lock)
      lock.close()
    },
  }
}

function lockFault(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return new UpdaterError('updater_store_in_use', { cause: error })
  if (/^SQLITE_(READONLY|CANTOPEN|IOERR|NOTADB)/.test(code))
    return new UpdaterError('updater_store_unwritable', { cause: error, about: code })
  return asStoreFault(error)
}
