import { readdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import { errorCode, isWardstoneError } from '../../device/platform/errors.ts'
import type { Log } from '../../device/platform/log.ts'
import { readRegularFile } from '../../models/package/regular-file.ts'
import { HttpError } from './errors.ts'
import { PAGE_HEADERS } from './page-headers.ts'

/** A file as it is answered. */
export interface PageFile {
  readonly headers: Readonly<Record<string, string>>
  readonly content: Uint8Array
}

/** The web pages, read once: what is asked for is looked up among them, and never becomes a path. */
export interface PageFiles {
  /** @throws HttpError page_unknown when no pages are installed */
  page(): PageFile
  /** @throws HttpError page_unknown */
  file(name: string | undefined): PageFile
}

const MAX_FILES = 256
const MAX_FILE_BYTES = 8 * 1024 * 1024
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const types: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.svg', 'image/svg+xml; charset=utf-8'],
])
/** The page is asked for anew each time; its files carry the hash of their content in their names. */
const PAGE_CACHE = 'no-cache'
const FILE_CACHE = 'public, max-age=31536000, immutable'

/**
 * @param folder holds index.html and assets/, as the build of the pages leaves them; without it, or where it cannot be read, there
 * are no pages, and everything else works
 */
export function readPageFiles(folder: string | undefined, log: Log): PageFiles {
  const { page, files } = folder === undefined ? nothing : readFolder(folder, log)
  return { page: () => known(page), file: (name) => known(files.get(name ?? '')) }
}

const nothing = { page: undefined, files: new Map<string, PageFile>() } as const

function readFolder(folder: string, log: Log) {
  try {
    const assets = join(folder, 'assets')
    const names = readdirSync(assets)
      .filter((name) => NAME.test(name) && types.has(extname(name)))
      .sort()
      .slice(0, MAX_FILES)
    const files = names.map((name) => [name, readFile(join(assets, name), FILE_CACHE)] as const)
    return { page: readFile(join(folder, 'index.html'), PAGE_CACHE), files: new Map(files) }
  } catch (error) {
    log.warn('pages-unreadable', { code: isWardstoneError(error) ? errorCode(error) : systemCode(error) })
    return nothing
  }
}

function readFile(path: string, cache: string): PageFile {
  const content = readRegularFile(path, MAX_FILE_BYTES)
  return {
    headers: { ...PAGE_HEADERS, 'content-type': types.get(extname(path)) ?? 'text/plain', 'cache-control': cache },
    content,
  }
}

function systemCode(error: unknown): string {
  return String((error as NodeJS.ErrnoException | null)?.code ?? 'internal')
}

function known(file: PageFile | undefined): PageFile {
  if (file === undefined) throw new HttpError('page_unknown')
  return file
}
