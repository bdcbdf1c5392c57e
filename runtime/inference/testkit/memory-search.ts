import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'
import { join } from 'node:path'

/** How often a pattern stands in a process's memory (proc(5), /proc/PID/maps and mem). The error code where the system does not let us look. */
export function memoryCount(pid: number, pattern: Uint8Array): number | string {
  let memory: number
  try {
    memory = openSync(`/proc/${pid}/mem`, 'r')
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
  try {
    return regions(pid).reduce((total, [from, to]) => total + regionCount(memory, from, to, pattern), 0)
  } finally {
    closeSync(memory)
  }
}

function regions(pid: number): [number, number][] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'latin1').trimEnd().split('\n')
  return lines.flatMap((line) => {
    const [, from = '', to = '', mode = ''] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? []
    return mode.startsWith('r') ? [[Number.parseInt(from, 16), Number.parseInt(to, 16)]] : []
  })
}

const PAGE_BYTES = 4096

function regionCount(memory: number, from: number, to: number, pattern: Uint8Array): number {
  const part = Buffer.alloc(4 * 1024 * 1024)
  let count = 0
  for (let at = from; at < to; ) {
    const read = readPart(memory, part.subarray(0, Math.min(part.length, to - at)), at)
    count += occurrences(part.subarray(0, read), pattern)
    // A page that cannot be read ends a part early. Parts overlap by one byte less than the pattern: none is missed.
    at += read < pattern.length ? PAGE_BYTES : read - pattern.length + 1
  }
  return count
}

function readPart(memory: number, into: Buffer, at: number): number {
  try {
    return readSync(memory, into, 0, into.length, at)
  } catch {
    return 0
  }
}

function occurrences(bytes: Buffer, wanted: Uint8Array): number {
  const pattern = Buffer.from(wanted)
  let count = 0
  for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) count += 1
  return count
}

/** Files below the folders that were changed since `sinceMs` and hold the pattern. */
export function filesHolding(pattern: Buffer, folders: readonly string[], sinceMs: number): string[] {
  return folders
    .flatMap((folder) => filesBelow(folder))
    .filter((path) => {
      try {
        return lstatSync(path).ctimeMs >= sinceMs && readFileSync(path).includes(pattern)
      } catch {
        return false
      }
    })
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return filesBelow(path)
      return entry.isFile() ? [path] : []
    })
  } catch {
    return []
  }
}

/** Open descriptors and mappings of a process that are files without a name: deleted ones and memfd. */
export function namelessFiles(pid: number): string[] {
  const descriptors = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      return []
    }
  })
  const mappings = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')
  return [...descriptors, ...mappings].filter((line) => /\(deleted\)|memfd:/.test(line))
}

/** Descriptors that are files of a real file system. */
export function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`)
      return target.startsWith('/') && !target.startsWith('/dev/') ? [target] : []
    } catch {
      return []
    }
  })
}
