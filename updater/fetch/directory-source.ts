import { constants } from 'node:fs'
import { type FileHandle, lstat, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../device/platform/clock.ts'
import { PackageError } from '../../models/package/errors.ts'
import { PACKAGE_FILE } from '../../models/store/layout.ts'
import { FetchError } from './errors.ts'
import { collect, paced } from './paced.ts'
import { defaultFetchLimits, type FetchLimits, type ReleaseSource } from './source.ts'
import { systemCode } from './system-error.ts'

const PART_BYTES = 256 * 1024

/** A folder with image.json, grant.json and package.wspkg, each a regular file: no link is followed and no pipe waited for. */
export function directorySource(
  path: string,
  kind: 'directory' | 'usb' = 'directory',
  limits: FetchLimits = defaultFetchLimits,
  clock: Clock = systemClock,
): ReleaseSource {
  const pace = (signal: AbortSignal) => ({ limits, clock, signal, release: () => undefined })
  return {
    kind,
    readFile: (name, maxBytes, signal) => {
      const tooLarge = () => new FetchError('fetch_metadata_too_large', { about: name })
      return collect(paced(fileParts(path, name), pace(signal)), maxBytes, tooLarge)
    },
    openPackage: (offset, lengthBytes, signal) => paced(packageParts(path, offset, lengthBytes), pace(signal)),
  }
}

async function* fileParts(folder: string, name: string): AsyncGenerator<Uint8Array, void> {
  const file = await openRegular(folder, name)
  try {
    for (let position = 0; ; ) {
      const part = await readPart(file, position, PART_BYTES)
      if (part.length === 0) return
      position += part.length
      yield part
    }
  } finally {
    await file.close()
  }
}

async function* packageParts(folder: string, offset: number, lengthBytes: number): AsyncGenerator<Uint8Array, void> {
  const file = await openRegular(folder, PACKAGE_FILE)
  try {
    const { size } = await file.stat()
    if (size < lengthBytes) throw new PackageError('package_truncated')
    if (size > lengthBytes) throw new PackageError('package_oversized')
    for (let position = offset; position < lengthBytes; ) {
      const part = await readPart(file, position, Math.min(PART_BYTES, lengthBytes - position))
      if (part.length === 0) throw new PackageError('package_truncated')
      position += part.length
      yield part
    }
  } finally {
    await file.close()
  }
}

/**
 * Looks before it opens, as opening a device can already do something, and again at what it has opened, as another file
 * may have taken its place. O_NOFOLLOW and O_NONBLOCK: neither a link nor a pipe can lead or hold the reader.
 * @throws FetchError fetch_file_missing | fetch_source_unreadable
 */
async function openRegular(folder: string, name: string): Promise<FileHandle> {
  const path = join(folder, name)
  let file: FileHandle
  try {
    if (!(await lstat(path)).isFile()) throw new FetchError('fetch_source_unreadable', { about: name })
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    if (cause instanceof FetchError) throw cause
    if (!(await isFolder(folder))) throw new FetchError('fetch_source_unreadable', { cause, about: 'no such folder' })
    throw openingError(cause, name)
  }
  if ((await file.stat()).isFile()) return file
  await file.close()
  throw new FetchError('fetch_source_unreadable', { about: name })
}

/** Whoever has mistyped its name does not look for a file in it. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(`${path}/`)).isDirectory()
  } catch (cause) {
    return !['ENOENT', 'ENOTDIR'].includes(systemCode(cause) ?? '')
  }
}

function openingError(cause: unknown, about: string): FetchError {
  const code = systemCode(cause)
  if (code === 'ENOENT') return new FetchError('fetch_file_missing', { cause, about })
  return new FetchError(code === 'EIO' ? 'fetch_read_failed' : 'fetch_source_unreadable', { cause, about })
}

async function readPart(file: FileHandle, position: number, maxBytes: number): Promise<Uint8Array> {
  const target = Buffer.alloc(maxBytes)
  try {
    const { bytesRead } = await file.read(target, 0, maxBytes, position)
    return target.subarray(0, bytesRead)
  } catch (cause) {
    throw new FetchError('fetch_read_failed', { cause })
  }
}
