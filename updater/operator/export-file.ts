import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncDirectory } from '../../device/platform/atomic-file.ts'
import { FleetError } from './errors.ts'

const BUFFER_BYTES = 256 * 1024

/**
 * Writes a file of any length in parts, mode 0600, under its name only once it is whole: beside it, fsync, rename, fsync
 * of the folder. A reader never sees half an export, and an export that fails leaves the older one.
 * @throws FleetError fleet_export_failed
 */
export function writeExport(path: string, parts: Iterable<string>): void {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    rmSync(temporary, { force: true })
    const file = openSync(temporary, 'wx', 0o600)
    try {
      fchmodSync(file, 0o600)
      for (const block of blocks(parts)) {
        for (let written = 0; written < block.length; ) written += writeSync(file, block, written)
      }
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    syncDirectory(dirname(path))
  } catch (cause) {
    rmSync(temporary, { force: true })
    throw cause instanceof FleetError
      ? cause
      : new FleetError('fleet_export_failed', { cause, about: systemCode(cause) })
  }
}

/** Gathers small parts, so that a line is not a system call. */
export function* blocks(parts: Iterable<string>): Iterable<Buffer> {
  let text = ''
  for (const part of parts) {
    text += part
    if (text.length < BUFFER_BYTES) continue
    yield Buffer.from(text)
    text = ''
  }
  if (text !== '') yield Buffer.from(text)
}

function systemCode(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  return typeof code === 'string' ? code : 'internal'
}
