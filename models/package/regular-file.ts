import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { PackageError } from './errors.ts'

/** An open, read-only file that is neither a link nor a device nor a pipe. */
export interface RegularFile {
  readonly fd: number
  /** Size when it was opened. */
  readonly sizeBytes: number
  close(): void
}

/**
 * Opens without following a link in the last component (O_NOFOLLOW: what is checked is what lies there) and without
 * waiting (O_NONBLOCK: a pipe put in its place cannot hang the caller).
 * @throws PackageError package_unreadable
 */
export function openRegularFile(path: string): RegularFile {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    throw new PackageError('package_unreadable', { cause })
  }
  let open = true
  const close = () => {
    if (open) closeSync(fd)
    open = false
  }
  const state = fstatSync(fd)
  if (state.isFile()) return { fd, sizeBytes: state.size, close }
  close()
  throw new PackageError('package_unreadable', { about: 'not a regular file' })
}

/**
 * Reads a whole regular file of at most `maxBytes`.
 * @throws PackageError package_unreadable
 */
export function readRegularFile(path: string, maxBytes: number): Buffer {
  const file = openRegularFile(path)
  try {
    if (file.sizeBytes > maxBytes) throw new PackageError('package_unreadable', { about: `over ${maxBytes} bytes` })
    return readRange(file.fd, 0, file.sizeBytes)
  } finally {
    file.close()
  }
}

/** @throws PackageError package_truncated | package_unreadable */
export function readRange(fd: number, position: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes)
  fillFrom(fd, position, bytes)
  return bytes
}

/**
 * Fills `target` from an absolute position (pread: the offset of a shared descriptor is not touched).
 * @throws PackageError package_truncated when the file ends before; package_unreadable when the device fails.
 */
export function fillFrom(fd: number, position: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    let count: number
    try {
      count = readSync(fd, target, done, target.length - done, position + done)
    } catch (cause) {
      throw new PackageError('package_unreadable', { cause })
    }
    if (count === 0) throw new PackageError('package_truncated')
    done += count
  }
}
