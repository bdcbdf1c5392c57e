import { createReadStream, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Parser, type ReadEntry } from 'tar'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { IcuStayError } from './errors.ts'
import { MAX_STAY_BYTES } from './stay.ts'

export interface StayFile {
  /** The file's name without folder and ending, such as `p100001`. */
  readonly name: string
  readonly text: string
}

export interface StayLimits {
  /** Reading stops quietly after so many stays. */
  readonly maxStays: number
}

const MAX_STAYS = 50_000
const MAX_TOTAL_BYTES = 1024 ** 3
const ARCHIVE = 'patients.tar.gz'
/** What the archive unpacks to. */
const FOLDER = 'patients'

/**
 * Reads ICU stays from a folder of `.psv` files, from a folder that holds `patients.tar.gz`, or from such an archive.
 * Nothing is unpacked to disk. The order is that of the archive, or of the names in a folder.
 * @throws IcuStayError stays_unreadable | stays_oversized | stay_oversized
 */
export async function readStayFiles(path: string, limits: StayLimits = { maxStays: MAX_STAYS }): Promise<StayFile[]> {
  const files = await readAny(path, Math.min(limits.maxStays, MAX_STAYS))
  if (files.length === 0) throw new IcuStayError('stays_unreadable')
  return files
}

async function readAny(path: string, maxStays: number): Promise<StayFile[]> {
  try {
    const found = statSync(path)
    // A pipe or a device could hold us for ever.
    if (found.isFile()) return await readArchive(path, maxStays)
    if (!found.isDirectory()) throw new IcuStayError('stays_unreadable')
    const names = readdirSync(path).sort()
    if (names.includes(ARCHIVE)) return await readArchive(join(path, ARCHIVE), maxStays)
    const stays = readFolder(path, names, maxStays)
    return stays.length === 0 && names.includes(FOLDER) ? await readAny(join(path, FOLDER), maxStays) : stays
  } catch (cause) {
    if (cause instanceof IcuStayError) throw cause
    throw new IcuStayError('stays_unreadable', { cause })
  }
}

function readFolder(path: string, names: readonly string[], maxStays: number): StayFile[] {
  const stays = names.filter((name) => name.endsWith('.psv')).slice(0, maxStays)
  return stays.map((name) => ({
    name: basename(name, '.psv'),
    text: readFileBounded(join(path, name), MAX_STAY_BYTES).toString('utf8'),
  }))
}

async function readArchive(path: string, maxStays: number): Promise<StayFile[]> {
  const files: StayFile[] = []
  const stop = new AbortController()
  let totalBytes = 0
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry: ReadEntry) => {
      const wanted = entry.type === 'File' && entry.path.endsWith('.psv') && files.length < maxStays
      if (!wanted) return entry.resume()
      const parts: Buffer[] = []
      let bytes = 0
      entry.on('data', (part: Buffer) => {
        bytes += part.length
        totalBytes += part.length
        if (bytes > MAX_STAY_BYTES) stop.abort(new IcuStayError('stay_oversized'))
        else if (totalBytes > MAX_TOTAL_BYTES) stop.abort(new IcuStayError('stays_oversized'))
        else parts.push(part)
      })
      entry.on('end', () => {
        files.push({ name: basename(entry.path, '.psv'), text: Buffer.concat(parts).toString('utf8') })
        if (files.length >= maxStays) stop.abort()
      })
    },
  })
  return await drain(path, parser, stop, files, maxStays)
}

async function drain(
  path: string,
  parser: Parser,
  stop: AbortController,
  files: StayFile[],
  maxStays: number,
): Promise<StayFile[]> {
  try {
    await pipeline(createReadStream(path), parser as unknown as NodeJS.WritableStream, { signal: stop.signal })
    return files
  } catch (cause) {
    if (stop.signal.reason instanceof IcuStayError) throw stop.signal.reason
    if (files.length >= maxStays) return files.slice(0, maxStays)
    throw cause
  }
}
