import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../device/platform/clock.ts'
import { silentLog } from '../../../device/platform/log.ts'
import type { CollectionFile } from '../collection.ts'
import { ImageError } from '../errors.ts'
import { createImageDecoder } from '../image-decoder.ts'
import { pixelHash, type SupportRow } from '../support-page.ts'

/** What the isolated process made of a file: the hash of its samples, or the code it was refused with. */
export interface SweptFile extends CollectionFile {
  readonly hash?: string
  readonly code?: string
}

/** Far more than any of them takes here. */
const BOUND_MS = 20_000

/** Gives each file to the isolated decoder, a process for each, as a request would. */
export async function sweepIsolated(folder: string, files: readonly CollectionFile[]): Promise<readonly SweptFile[]> {
  const maxWaiting = files.length
  const decoder = createImageDecoder({ isolation: 'required', clock: systemClock, log: silentLog, maxWaiting })
  const deadlineMs = systemClock.monotonicMs() + files.length * BOUND_MS
  const decode = async ({ path, reference }: CollectionFile): Promise<SweptFile> => {
    const form = reference === undefined ? 'values' : 'coded'
    try {
      const { pixels } = await decoder.decode(readFileSync(join(folder, path)), {}, deadlineMs, form)
      return { path, reference, hash: pixelHash(pixels) }
    } catch (error) {
      return { path, reference, code: error instanceof ImageError ? error.code : String(error) }
    }
  }
  try {
    return await Promise.all(files.map(decode))
  } finally {
    await decoder.stop()
  }
}

/** Those that the process treats otherwise than the page says, which was made without one. */
export function otherThanSaid(swept: readonly SweptFile[], rows: readonly SupportRow[]): readonly SweptFile[] {
  const said = new Map(rows.map((row) => [row.path, row]))
  return swept.filter(({ path, reference, hash, code }) => {
    const { isRead = false, outcome = '', compared = '' } = said.get(path) ?? {}
    if (hash === undefined) return isRead || !outcome.startsWith(`\`${code}\``)
    const equals = compared.startsWith('equal to ')
    return !isRead || (equals && hash !== reference?.gdcm && hash !== reference?.dcmtk)
  })
}
