import { realpathSync, writeFileSync } from 'node:fs'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { PackageError } from '../package/errors.ts'
import { MAX_MANIFEST_BYTES } from '../package/manifest.ts'
import { readRegularFile } from '../package/regular-file.ts'
import { AuthoringError } from './errors.ts'

export const MAX_GOLDEN_BYTES = 16 * 1024 * 1024
/** Deeper than any manifest or golden vector; what walks over JSON calls itself once a level. */
const MAX_JSON_DEPTH = 64

const systemReasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is none',
  ENOTDIR: 'there is none',
  EACCES: 'no permission',
  EEXIST: 'it exists',
  EISDIR: 'it is a folder',
  ENOSPC: 'the disk is full',
}

/** @throws AuthoringError authoring_file_unreadable, about the file as it was named, and why */
export function readWhole(path: string, maxBytes: number): Buffer {
  try {
    return readRegularFile(realpathSync(path), maxBytes)
  } catch (cause) {
    if (cause instanceof PackageError || isSystemError(cause))
      throw new AuthoringError('authoring_file_unreadable', { about: withReason(path, cause), cause })
    throw cause
  }
}

/** @throws AuthoringError authoring_json_invalid */
export function parseJsonFile(bytes: Uint8Array, path: string): unknown {
  const value = parsed(bytes, path)
  if (isTooDeep(value)) throw new AuthoringError('authoring_json_invalid', { about: `${path}: too many levels` })
  return value
}

function parsed(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // The cause is dropped: its message quotes the file.
    throw new AuthoringError('authoring_json_invalid', { about: path })
  }
}

/** Level by level, without calling itself. */
function isTooDeep(value: unknown): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_JSON_DEPTH) return true
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []))
  }
  return false
}

export function readJsonFile(path: string, maxBytes = MAX_MANIFEST_BYTES): unknown {
  return parseJsonFile(readWhole(path, maxBytes), path)
}

/** Never over a file that is there. @throws AuthoringError authoring_output_exists */
export function writeNew(path: string, content: Uint8Array | string, mode = 0o644): void {
  try {
    writeFileSync(path, content, { flag: 'wx', mode })
  } catch (cause) {
    throw new AuthoringError('authoring_output_exists', { about: withReason(path, cause), cause })
  }
}

/** The path, and in words why the file could not be had. */
export function withReason(path: string, cause: unknown): string {
  const reason = isWardstoneError(cause) ? (cause.about ?? reasonOf(cause.cause)) : reasonOf(cause)
  return reason === undefined ? path : `${path}: ${reason}`
}

function reasonOf(cause: unknown): string | undefined {
  if (!isSystemError(cause)) return undefined
  const { code = '' } = cause as NodeJS.ErrnoException
  return Object.hasOwn(systemReasons, code) ? systemReasons[code] : code
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
