import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
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
  let opening: Promise<{ file: FileHandle; end: number }> | undefined
  const opened = () => {
    opening ??= openAtEnd(path).catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
  return {
    append: async (sealed) => {
      const at = await opened()
      const offset = at.end
      // Taken before anything waits. What a crash or a full disk leaves there is nobody's: no row speaks of it.
      at.end += sealed.length
      await writeAll(at.file, sealed, offset)
      await at.file.datasync()
      return placeOf(offset, sealed.length)
    },
    close: async () => {
      const at = await opening?.catch(() => undefined)
      opening = undefined
      await at?.file.close()
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

async function openAtEnd(path: string): Promise<{ file: FileHandle; end: number }> {
  const file = await open(path, 'a', 0o600)
  await file.chmod(0o600)
  await file.close()
  syncDirectory(dirname(path))
  const written = await open(path, 'r+')
  return { file: written, end: (await written.stat()).size }
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
    file = openSync(path, 'r')
    if (length > MAX_LENGTH || offset + length > fstatSync(file).size) return undefined
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
