import { closeSync, fchmodSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { PlatformError } from './platform-errors.ts'

/**
 * Replaces a file so that a crash at any instruction leaves the old or the new content, never a mixture:
 * write beside it, fsync, rename over it, fsync the directory.
 */
export function writeFileAtomic(path: string, content: Uint8Array | string, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.tmp`
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  // A process of the same number may have died here before: in a container the number is always the same.
  rmSync(temporary, { force: true })
  try {
    writeFileDurable(temporary, bytes, mode)
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncDirectory(dirname(path))
}

function writeFileDurable(path: string, bytes: Uint8Array, mode: number): void {
  const file = openSync(path, 'wx', mode)
  try {
    fchmodSync(file, mode)
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Makes a rename or creation in a directory durable. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/**
 * Reads a whole file of at most `maxBytes`, whatever it grows to while it is read.
 * @throws PlatformError file_too_large; the system's own error when it cannot be opened.
 */
export function readFileBounded(path: string, maxBytes: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const parts: Buffer[] = []
    let total = 0
    for (;;) {
      const part = Buffer.alloc(Math.min(65_536, maxBytes + 1 - total))
      const count = readSync(file, part, 0, part.length, null)
      if (count === 0) return Buffer.concat(parts)
      total += count
      if (total > maxBytes) throw new PlatformError('file_too_large')
      parts.push(part.subarray(0, count))
    }
  } finally {
    closeSync(file)
  }
}
