import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { readSharedObject } from './shared-object.ts'

/** Where the system's loader finds a library by its name: its cache first, then the folders it always knows (ld.so(8)). */
export interface LoaderPaths {
  /** Paths as the machine has them, without `root`. */
  readonly cached: ReadonlyMap<string, string>
  /** What stands before every path: empty, except for a stand-in of a machine. */
  readonly root: string
}

/** A library with everything it needs, or the names of what is not there. */
export interface Closure {
  readonly found: readonly string[]
  readonly missing: readonly string[]
}

const MAX_CACHE_BYTES = 16 * 1024 * 1024
const MAX_LIBRARIES = 256
const MAGIC = 'glibc-ld.so.cache1.1'
const HEADER_BYTES = 48
const ENTRY_BYTES = 24
const defaultFolders = [
  '/lib64',
  '/usr/lib64',
  '/lib',
  '/usr/lib',
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
]

export function readLoaderPaths(root: string): LoaderPaths {
  try {
    return { root, cached: parseLoaderCache(readFileBounded(join(root, '/etc/ld.so.cache'), MAX_CACHE_BYTES)) }
  } catch (error) {
    if (!isWardstoneError(error) && (error as NodeJS.ErrnoException).code === undefined) throw error
    return { root, cached: new Map() }
  }
}

/**
 * Reads /etc/ld.so.cache: a header, entries of name and path as offsets, and the texts (glibc sysdeps/generic/dl-cache.h,
 * the format of glibc 2.32 and later, which may follow the old one). The first entry of a name is the one that counts.
 */
export function parseLoaderCache(bytes: Buffer): ReadonlyMap<string, string> {
  const start = bytes.indexOf(MAGIC)
  if (start < 0 || bytes.length < start + HEADER_BYTES) return new Map()
  const count = bytes.readUInt32LE(start + MAGIC.length)
  const room = Math.floor((bytes.length - start - HEADER_BYTES) / ENTRY_BYTES)
  const cached = new Map<string, string>()
  for (let index = 0; index < Math.min(count, room); index++) {
    const at = start + HEADER_BYTES + index * ENTRY_BYTES
    const name = textAt(bytes, start + bytes.readUInt32LE(at + 4))
    if (!cached.has(name)) cached.set(name, textAt(bytes, start + bytes.readUInt32LE(at + 8)))
  }
  return cached
}

/** @returns the path the loader would take, or undefined. `runPaths` come first, `$ORIGIN` being `folder`. */
export function locate(
  name: string,
  paths: LoaderPaths,
  folder?: string,
  runPaths: readonly string[] = [],
): string | undefined {
  const isThere = (path: string) => existsSync(join(paths.root, path))
  if (name.startsWith('/')) return isThere(name) ? name : undefined
  const own = folder === undefined ? [] : runPaths.map((path) => path.replace(/\$ORIGIN|\$\{ORIGIN\}/, folder))
  const cached = paths.cached.get(name)
  const candidates = [
    ...own.map((path) => join(path, name)),
    ...(cached === undefined ? [] : [cached]),
    ...defaultFolders.map((path) => join(path, name)),
  ]
  return candidates.find(isThere)
}

/** A library and, through what each asks for, all that would be loaded with it. */
export function closureOf(library: string, paths: LoaderPaths): Closure {
  const found = new Set([library])
  const missing = new Set<string>()
  for (const path of found) {
    const object = readSharedObject(join(paths.root, path))
    if (object === undefined || found.size > MAX_LIBRARIES) {
      missing.add(path)
      continue
    }
    for (const name of object.needed) {
      const at = locate(name, paths, dirname(path), object.runPaths)
      if (at === undefined) missing.add(name)
      else found.add(at)
    }
  }
  return { found: [...found], missing: [...missing] }
}

function textAt(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at)
  return bytes.toString('latin1', at, end < 0 ? bytes.length : end)
}
