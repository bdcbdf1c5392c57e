import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '../../device/platform/atomic-file.ts'
import type { SealedBody } from './sealed-body.ts'

/**
 * From this length on a sealed record lies in a file beside the database, and its row says where. A record that holds the tensor
 * of an image is 200 pages: SQLite encrypts each of them when it is written and twice more when the write-ahead log is moved, on the thread
 * that answers the bedside (docs/performance.md), and the record is sealed already.
 */
export const LARGE_BODY_BYTES = 64 * 1024
/** u64 offset ‖ u32 length, big-endian; every sealed record is longer than that. */
const PLACE_BYTES = 12
/** A length that was never written is not believed. */
const MAX_LENGTH = 16 * 1024 * 1024

/** Where large records are written: at the end, and nothing in it changes. */
export interface BodyFile {
  /** @returns what stands for the bytes in the row, once they are durable. @throws what the file system raises */
  append(sealed: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

export function bodyFilePath(databasePath: string): string {
  return `${databasePath}-bodies`
}

/** The file is made with its first record: a box without images has none. The caller holds the instance lock. */
export function createBodyFile(databasePath: string): BodyFile {
  const path = bodyFilePath(databasePath)
  let opening: Promise<OpenFile> | undefined
  const forget = () => {
    opening = undefined
  }
  const opened = () => {
    opening ??= openAtEnd(path, forget).catch((error: unknown) => {
      forget()
      throw error
    })
    return opening
  }
  return {
    append: async (sealed) => {
      const open = await opened()
      const offset = open.end
      // Taken before anything waits. What a crash or a full disk leaves there is nobody's: no row speaks of it.
      open.end += sealed.length
      await writeAll(open.file, sealed, offset)
      await open.synced()
      return placeOf(offset, sealed.length)
    },
    close: async () => {
      const open = await opening?.catch(() => undefined)
      forget()
      await open?.file.close()
    },
  }
}

/**
 * A sealed record with its bytes, wherever they lie.
 * @returns undefined when its row says where they are, and they are not there
 */
export function bodyInFull<Row extends Pick<SealedBody, 'sealed'>>(row: Row, databasePath: string): Row | undefined {
  if (row.sealed.length !== PLACE_BYTES) return row
  const sealed = readPlace(bodyFilePath(databasePath), Buffer.from(row.sealed))
  return sealed === undefined ? undefined : { ...row, sealed }
}

interface OpenFile {
  readonly file: FileHandle
  end: number
  /** Resolves when all that was written before it was called is durable. */
  synced(): Promise<void>
}

/** @param gone called when a sync has failed: the file is closed then, and what follows opens it again */
async function openAtEnd(path: string, gone: () => void): Promise<OpenFile> {
  const made = await open(path, 'a', 0o600)
  await made.chmod(0o600)
  await made.close()
  syncDirectory(dirname(path))
  const file = await open(path, 'r+')
  const { size } = await file.stat()
  return { file, end: size, synced: oneSyncAtATime(file, gone) }
}

/**
 * Linux says once for each descriptor that pages were lost (fsync(2)): of two syncs side by side one would be told, and the
 * other would vouch for what is not there. So they follow each other, each for all that wait, and one that fails speaks for all.
 */
function oneSyncAtATime(file: FileHandle, gone: () => void): () => Promise<void> {
  const waiting: PromiseWithResolvers<void>[] = []
  let failure: unknown
  let isSyncing = false
  const sync = async () => {
    isSyncing = true
    while (waiting.length > 0 && failure === undefined) {
      const served = waiting.splice(0)
      try {
        await file.datasync()
        for (const { resolve } of served) resolve()
      } catch (error) {
        failure = error
        gone()
        for (const { reject } of [...served, ...waiting.splice(0)]) reject(error)
        // What is still being written ends first, and is told by the failure that is kept.
        await file.close().catch(() => {})
      }
    }
    isSyncing = false
  }
  return () => {
    if (failure !== undefined) return Promise.reject(failure)
    const turn = Promise.withResolvers<void>()
    waiting.push(turn)
    if (!isSyncing) void sync()
    return turn.promise
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done)
    done += bytesWritten
  }
}

function placeOf(offset: number, length: number): Uint8Array {
  const place = Buffer.alloc(PLACE_BYTES)
  place.writeBigUInt64BE(BigInt(offset))
  place.writeUInt32BE(length, 8)
  return place
}

function readPlace(path: string, place: Buffer): Uint8Array | undefined {
  const offset = Number(place.readBigUInt64BE())
  const length = place.readUInt32BE(8)
  let file: number | undefined
  try {
    // Nothing that would wait for a writer, and nothing that lies elsewhere.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    const found = fstatSync(file)
    if (!found.isFile() || length > MAX_LENGTH || offset + length > found.size) return undefined
    const bytes = Buffer.allocUnsafeSlow(length)
    for (let done = 0; done < length; ) {
      const count = readSync(file, bytes, done, length - done, offset + done)
      if (count === 0) return undefined
      done += count
    }
    return bytes
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
