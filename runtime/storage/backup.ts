import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { readFileBounded, syncDirectory, writeFileAtomic } from '../../device/platform/atomic-file.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { bodyFilePath } from './body-file.ts'
import { type DatabaseOptions, openDatabase } from './database.ts'
import { StorageError } from './errors.ts'
import { acquireInstanceLock } from './instance-lock.ts'

export const BACKUP_DATABASE = 'wardstone.db'
export const BACKUP_CHECKPOINT = 'log.checkpoint'
/** Large records lie beside the copy as they lie beside the database: `bodyFilePath`. */
const BACKUP_BODIES = 'wardstone.db-bodies'
const BACKUP_LIST = 'backup.json'
const MAX_NOTE_BYTES = 16 * 1024
const PART_BYTES = 1024 * 1024

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const backupListSchema = z.strictObject({
  v: z.literal(1),
  release: z.string().max(64),
  /** Of the log. */
  origin: z.string().max(128),
  madeAt: z.iso.datetime(),
  /** SHA-256 of each file. */
  files: z.strictObject({
    [BACKUP_DATABASE]: hash,
    [BACKUP_BODIES]: hash.optional(),
    [BACKUP_CHECKPOINT]: hash.optional(),
  }),
})

/** What a backup says of itself. It is not signed: what proves the log is inside the database. */
export type BackupList = z.infer<typeof backupListSchema>

/** Where that lies which a backup holds; large records are beside the database. */
export interface BackedUpFiles {
  readonly databasePath: string
  /** Undefined: this site keeps none, or has written none yet. */
  readonly checkpointPath: string | undefined
}

/**
 * Copies the database as of one moment, and the checkpoint kept beside it, into a folder that is not there yet. A runtime may go on
 * deciding. The folder has its name only when all of it is on the disk.
 * @throws StorageError storage_backup_exists | storage_backup_unwritable, and what opening the database throws
 */
export function createBackup(
  key: DatabaseOptions['key'],
  { databasePath, checkpointPath }: BackedUpFiles,
  about: Pick<BackupList, 'release' | 'origin' | 'madeAt'>,
  folder: string,
): void {
  if (existsSync(folder)) throw new StorageError('storage_backup_exists', { about: folder })
  const making = `${resolve(folder)}.${process.pid}.partial`
  const database = openDatabase({ path: databasePath, key, readonly: true })
  try {
    mkdirSync(making, { mode: 0o700 })
    // Before the database, so that the checkpoint never names more than the copy has.
    const note = checkpointPath === undefined ? undefined : readFileBounded(checkpointPath, MAX_NOTE_BYTES)
    const copy = join(making, BACKUP_DATABASE)
    closeSync(openSync(copy, 'wx', 0o600))
    database.copyInto(copy)
    // After the database: it has all that the rows of the copy speak of, and nothing in it changes.
    const beside = bodyFilePath(databasePath)
    const bodies = existsSync(beside) ? copyAndHash(beside, join(making, BACKUP_BODIES)) : undefined
    const files = {
      [BACKUP_DATABASE]: syncAndHash(copy),
      ...(bodies && { [BACKUP_BODIES]: bodies }),
      ...(note && { [BACKUP_CHECKPOINT]: hashOf(note) }),
    }
    if (note !== undefined) writeFileAtomic(join(making, BACKUP_CHECKPOINT), note)
    writeFileAtomic(join(making, BACKUP_LIST), `${JSON.stringify({ v: 1, ...about, files }, null, 2)}\n`)
    renameSync(making, folder)
    syncDirectory(dirname(making))
  } catch (cause) {
    rmSync(making, { recursive: true, force: true })
    throw new StorageError('storage_backup_unwritable', { cause, about: folder })
  } finally {
    database.close()
  }
}

/**
 * Is every file of a backup as it was written?
 * @throws StorageError storage_backup_damaged
 */
export function verifyBackup(folder: string): BackupList {
  const list = readList(folder)
  for (const [name, expected] of Object.entries(list.files))
    if (hashOfFile(join(folder, name)) !== expected) throw damaged(join(folder, name))
  return list
}

/**
 * Puts a backup back where no database is, while nothing runs there. A checkpoint that is there stays: it may be newer than the
 * backup, and then the runtime sees that the log went back.
 * @throws StorageError storage_backup_damaged | storage_restore_account | storage_restore_occupied | storage_locked |
 * storage_backup_unwritable
 */
export function restoreBackup(folder: string, { databasePath, checkpointPath }: BackedUpFiles): BackupList {
  const list = verifyBackup(folder)
  verifyAccount(dirname(databasePath))
  const lock = acquireInstanceLock(`${databasePath}.lock`)
  try {
    const bodies = list.files[BACKUP_BODIES]
    const beside = bodyFilePath(databasePath)
    // They are put back before the database: what an attempt that a full disk or a kill ended has left is as good as a copy.
    const areBodiesThere = bodies !== undefined && existsSync(beside) && hashOfFile(beside) === bodies
    // A write-ahead log beside another database would be played into it.
    for (const path of [...['', '-wal', '-shm', '-journal'].map((suffix) => `${databasePath}${suffix}`), beside])
      if (existsSync(path) && !(path === beside && areBodiesThere))
        throw new StorageError('storage_restore_occupied', { about: path })
    if (list.files[BACKUP_CHECKPOINT] !== undefined && checkpointPath !== undefined && !existsSync(checkpointPath))
      writeFileAtomic(checkpointPath, readFileBounded(join(folder, BACKUP_CHECKPOINT), MAX_NOTE_BYTES))
    if (bodies !== undefined && !areBodiesThere) copyDurably(join(folder, BACKUP_BODIES), beside, bodies)
    copyDurably(join(folder, BACKUP_DATABASE), databasePath, list.files[BACKUP_DATABASE])
    return list
  } catch (cause) {
    throw isWardstoneError(cause)
      ? cause
      : new StorageError('storage_backup_unwritable', { cause, about: databasePath })
  } finally {
    lock.release()
  }
}

/** What another account puts back, root included, the runtime could not open. */
function verifyAccount(folder: string): void {
  if (!existsSync(folder)) throw new StorageError('storage_backup_unwritable', { about: folder })
  if (statSync(folder).uid !== process.getuid?.()) throw new StorageError('storage_restore_account', { about: folder })
}

function readList(folder: string): BackupList {
  const path = join(folder, BACKUP_LIST)
  try {
    return backupListSchema.parse(JSON.parse(readFileBounded(path, MAX_NOTE_BYTES).toString('utf8')))
  } catch (cause) {
    throw damaged(path, cause)
  }
}

/** Under its own name only when it is whole, and what was verified. */
function copyDurably(from: string, to: string, expected: string): void {
  const partial = `${to}.restoring`
  rmSync(partial, { force: true })
  try {
    if (copyAndHash(from, partial) !== expected) throw damaged(from)
    renameSync(partial, to)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
  syncDirectory(dirname(to))
}

function copyAndHash(from: string, to: string): string {
  const file = openSync(to, 'wx', 0o600)
  try {
    const copied = hashParts(from, (part) => {
      for (let written = 0; written < part.length; ) written += writeSync(file, part, written)
    })
    fsyncSync(file)
    return copied
  } finally {
    closeSync(file)
  }
}

function syncAndHash(path: string): string {
  const file = openSync(path, 'r+')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return hashParts(path)
}

function hashOfFile(path: string): string {
  try {
    return hashParts(path)
  } catch (cause) {
    throw damaged(path, cause)
  }
}

/** Reads a file of any size, a part at a time. */
function hashParts(path: string, each: (part: Uint8Array) => void = () => {}): string {
  // A pipe in the place of a file would be waited for.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!fstatSync(file).isFile()) throw damaged(path)
    const whole = createHash('sha256')
    const part = Buffer.allocUnsafe(PART_BYTES)
    for (let count = readSync(file, part); count > 0; count = readSync(file, part)) {
      whole.update(part.subarray(0, count))
      each(part.subarray(0, count))
    }
    return whole.digest('hex')
  } finally {
    closeSync(file)
  }
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const damaged = (about: string, cause?: unknown) => new StorageError('storage_backup_damaged', { about, cause })
