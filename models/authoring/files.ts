import { realpathSync, writeFileSync } from 'node:fs'
import { PackageError } from '../package/errors.ts'
import { MAX_MANIFEST_BYTES } from '../package/manifest.ts'
import { readRegularFile } from '../package/regular-file.ts'
import { AuthoringError } from './errors.ts'

/** @throws AuthoringError authoring_file_unreadable, about the file as it was named */
export function readWhole(path: string, maxBytes: number): Buffer {
  try {
    return readRegularFile(realpathSync(path), maxBytes)
  } catch (cause) {
    if (cause instanceof PackageError || isSystemError(cause))
      throw new AuthoringError('authoring_file_unreadable', { about: path, cause })
    throw cause
  }
}

/** @throws AuthoringError authoring_json_invalid */
export function parseJsonFile(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // The cause is dropped: its message quotes the file.
    throw new AuthoringError('authoring_json_invalid', { about: path })
  }
}

export function readJsonFile(path: string, maxBytes = MAX_MANIFEST_BYTES): unknown {
  return parseJsonFile(readWhole(path, maxBytes), path)
}

/** Never over a file that is there. @throws AuthoringError authoring_output_exists */
export function writeNew(path: string, content: Uint8Array | string, mode = 0o644): void {
  try {
    writeFileSync(path, content, { flag: 'wx', mode })
  } catch (cause) {
    throw new AuthoringError('authoring_output_exists', { about: path, cause })
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}
