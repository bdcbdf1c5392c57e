import { createHash } from 'node:crypto'
import { read as readCallback } from 'node:fs'
import { promisify } from 'node:util'
import { PackageError } from './errors.ts'

const readAsync = promisify(readCallback)
const PART_BYTES = 1024 * 1024

/**
 * SHA-256 of the first `lengthBytes` of an open file, lowercase hex. Two parts are in memory whatever the size: one is
 * hashed while the next is read off the event loop.
 * @throws PackageError package_truncated | package_unreadable
 */
export async function hashFile(fd: number, lengthBytes: number): Promise<string> {
  const hash = createHash('sha256')
  let [ready, spare] = [Buffer.alloc(PART_BYTES), Buffer.alloc(PART_BYTES)]
  let pending = readPart(fd, ready, 0, lengthBytes)
  for (let position = 0; position < lengthBytes; ) {
    const count = await pending
    if (count === 0) throw new PackageError('package_truncated')
    position += count
    pending = readPart(fd, spare, position, lengthBytes)
    hash.update(ready.subarray(0, count))
    ;[ready, spare] = [spare, ready]
  }
  await pending
  return hash.digest('hex')
}

async function readPart(fd: number, target: Buffer, position: number, endBytes: number): Promise<number> {
  try {
    const { bytesRead } = await readAsync(fd, target, 0, Math.min(target.length, endBytes - position), position)
    return bytesRead
  } catch (cause) {
    throw new PackageError('package_unreadable', { cause })
  }
}
