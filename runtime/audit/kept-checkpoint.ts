import { type Checkpoint, openCheckpoint } from '../../device/checkpoint/checkpoint.ts'
import { CheckpointError } from '../../device/checkpoint/errors.ts'
import type { Verifier } from '../../device/crypto/signing.ts'
import { readFileBounded, writeFileAtomic } from '../../device/platform/atomic-file.ts'
import { errorCode } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import type { Database } from '../storage/database.ts'
import { AuditError } from './errors.ts'

/**
 * A recent checkpoint in a file outside the database. A database that was deleted or replaced by an older copy looks
 * sound by itself; against this file it does not. Who can write the whole disk can take both back: only a witness
 * elsewhere proves more.
 */
export interface KeptCheckpoint {
  /** The newest durable checkpoint; it is written to the file soon after. */
  offer(note: string): void
  /** Writes what was offered last. */
  close(): void
}

const MAX_NOTE_BYTES = 16 * 1024
const WRITE_EVERY_MS = 5000

/**
 * Holds the database against the kept checkpoint. A file of another origin belongs to the log before this one: its
 * checkpoint is returned, and the first leaf of the new log names it.
 * @throws AuditError audit_log_rolled_back | audit_note_invalid | audit_checkpoint_invalid
 */
export async function verifyKeptCheckpoint(
  path: string,
  database: Database,
  verifier: Verifier,
  origin: string,
): Promise<Checkpoint | undefined> {
  const note = readNote(path)
  if (note === undefined) return undefined
  const keptOrigin = note.slice(0, note.indexOf('\n'))
  const kept = await openCheckpoint(note, verifier, keptOrigin)
  if (keptOrigin !== origin) return kept
  const row = database.prepare<{ note: string }>('SELECT note FROM checkpoints WHERE size = ?').get(kept.size)
  const stored = row === undefined ? undefined : await openCheckpoint(row.note, verifier, origin).catch(() => undefined)
  const isSame = stored?.size === kept.size && Buffer.from(stored.root).equals(kept.root)
  if (!isSame) throw new AuditError('audit_log_rolled_back', { about: path })
  return undefined
}

/** Written after the commit it names and not with each one: the file may lag behind the database, never lead. */
export function createKeptCheckpoint(path: string, log: Log): KeptCheckpoint {
  let offered: string | undefined
  const write = () => {
    if (offered === undefined) return
    try {
      writeFileAtomic(path, offered)
      offered = undefined
    } catch (error) {
      // An older checkpoint still stands there; the next attempt comes by itself.
      log.warn('kept-checkpoint-failed', { code: errorCode(error) })
    }
  }
  const timer = setInterval(write, WRITE_EVERY_MS).unref()
  return {
    offer: (note) => {
      offered = note
    },
    close: () => {
      clearInterval(timer)
      write()
    },
  }
}

function readNote(path: string): string | undefined {
  try {
    return readFileBounded(path, MAX_NOTE_BYTES).toString('utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CheckpointError('audit_checkpoint_invalid', { cause, about: path })
  }
}
