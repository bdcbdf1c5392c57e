import { constants } from 'node:fs'
import { type FileHandle, open, opendir, statfs } from 'node:fs/promises'
import type { Found } from './found.ts'
import { startTool, type Tool, type ToolLimits } from './tool.ts'

/** The machine as telemetry and posture see it; passed in, so that tests can show them another one. Nothing here throws. */
export interface System {
  /** A file of at most `maxBytes`. `latin1` gives one character per byte. */
  readText(path: string, maxBytes: number, encoding?: 'utf8' | 'latin1'): Promise<Found<string>>
  /** The names in a folder, in no order; more than `maxEntries` is unreadable. */
  list(path: string, maxEntries: number): Promise<Found<readonly string[]>>
  statfs(path: string): Promise<Found<{ readonly totalBytes: number; readonly freeBytes: number }>>
  /** The mount that holds a file or folder, as the kernel numbers it in /proc/self/mountinfo. */
  mountId(path: string): Promise<Found<number>>
  /** A program of the machine, to be asked again and again. */
  startTool(file: string, args: readonly string[], limits: ToolLimits): Tool
}

const PART_BYTES = 16_384
const ABSENT = ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO']

/** The machine itself. Reading is asynchronous: a slow sensor or a dead disk holds up no request. */
export function createSystem(): System {
  return { readText, list, statfs: readStatfs, mountId, startTool }
}

async function attempt<T>(read: () => Promise<Found<T>>): Promise<Found<T>> {
  try {
    return await read()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    return ABSENT.includes(code) ? { state: 'absent' } : { state: 'unreadable', why: code }
  }
}

function readText(path: string, maxBytes: number, encoding: 'utf8' | 'latin1' = 'utf8'): Promise<Found<string>> {
  return attempt(async () => {
    // Not blocking: to open a pipe that nobody writes to would wait for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const bytes = await readBounded(file, maxBytes)
      if (bytes === undefined) return { state: 'unreadable', why: `more than ${maxBytes} bytes` }
      return { state: 'found', value: bytes.toString(encoding) }
    } finally {
      await file.close()
    }
  })
}

/** Files of /proc and /sys have no size to ask for: read until the end, or until there is too much. */
async function readBounded(file: FileHandle, maxBytes: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  for (let total = 0; total <= maxBytes; ) {
    const part = Buffer.alloc(Math.min(PART_BYTES, maxBytes + 1 - total))
    const { bytesRead } = await file.read(part, 0, part.length, null)
    if (bytesRead === 0) return Buffer.concat(parts)
    total += bytesRead
    parts.push(part.subarray(0, bytesRead))
  }
  return undefined
}

function list(path: string, maxEntries: number): Promise<Found<readonly string[]>> {
  return attempt(async () => {
    const names: string[] = []
    // Leaving the loop closes the folder.
    for await (const { name } of await opendir(path)) {
      if (names.length === maxEntries) return { state: 'unreadable', why: `more than ${maxEntries} entries` }
      names.push(name)
    }
    return { state: 'found', value: names }
  })
}

function readStatfs(path: string): Promise<Found<{ totalBytes: number; freeBytes: number }>> {
  return attempt(async () => {
    const { bsize, blocks, bavail } = await statfs(path)
    // What is kept for root is not free for us: bavail, not bfree.
    return { state: 'found', value: { totalBytes: bsize * blocks, freeBytes: bsize * bavail } }
  })
}

function mountId(path: string): Promise<Found<number>> {
  return attempt(async () => {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const facts = await readText(`/proc/self/fdinfo/${file.fd}`, 16_384)
      if (facts.state !== 'found') return facts
      const id = /^mnt_id:\s*(\d+)$/m.exec(facts.value)?.[1]
      return id === undefined ? { state: 'unreadable', why: 'no mnt_id' } : { state: 'found', value: Number(id) }
    } finally {
      await file.close()
    }
  })
}
