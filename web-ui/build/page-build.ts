import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('..', import.meta.url))
const lockFile = fileURLToPath(new URL('../../package-lock.json', import.meta.url))
const BUILT_FROM = '.built-from'
/** Nothing of these is in the pages. */
const notSources = ['dist', 'testkit', 'bin']

export interface BuiltPages {
  /** Holds index.html and assets/. */
  readonly folder: string
  readonly isNew: boolean
}

/** Makes web-ui/dist when it is not there or was made from other sources. Two that do it at once make the same files. */
export async function ensurePages(): Promise<BuiltPages> {
  const dist = join(folder, 'dist')
  const hash = sourceHash()
  if (builtFrom(dist) === hash) return { folder: dist, isNew: false }
  const fresh = join(folder, `dist.${process.pid}.tmp`)
  try {
    await buildPages(fresh)
    writeFileSync(join(fresh, BUILT_FROM), `${hash}\n`)
    replaceFolder(fresh, dist, hash)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return { folder: dist, isNew: true }
}

/** Builds into a folder of its own; the same sources make the same bytes. */
export async function buildPages(outDir: string): Promise<void> {
  // Loaded only when there is work: a start that builds nothing does not wait for it.
  const { build } = await import('vite')
  await build({
    root: folder,
    base: '/',
    configFile: false,
    envFile: false,
    logLevel: 'error',
    publicDir: false,
    mode: 'production',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      // Files in place of data: addresses, which the policy does not allow.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
  })
}

/** Another process may have put its own in place meanwhile: that one is as good. */
function replaceFolder(fresh: string, dist: string, hash: string): void {
  const old = `${fresh}.old`
  try {
    if (existsSync(dist)) renameSync(dist, old)
    renameSync(fresh, dist)
  } catch (error) {
    if (builtFrom(dist) !== hash) throw error
  } finally {
    rmSync(old, { recursive: true, force: true })
  }
}

function builtFrom(dist: string): string | undefined {
  try {
    return readFileSync(join(dist, BUILT_FROM), 'utf8').trim()
  } catch {
    return undefined
  }
}

/** Of all that the pages are made from: their sources, and the packages by the versions in the lock file. */
function sourceHash(): string {
  const hash = createHash('sha256')
  const sources = filesBelow(folder).filter(
    (path) => !notSources.includes(path.split(sep)[0] ?? '') && !/\.test\.tsx?$|\.tmp/.test(path),
  )
  for (const path of sources) {
    const bytes = readFileSync(join(folder, path))
    hash.update(`${path} ${bytes.length}\n`).update(bytes)
  }
  const { packages } = JSON.parse(readFileSync(lockFile, 'utf8')) as { packages: Record<string, { version?: string }> }
  for (const name of ['vite', 'rolldown', 'preact', 'uplot'])
    hash.update(`${name} ${packages[`node_modules/${name}`]?.version}\n`)
  return hash.digest('hex')
}

/** Paths from the folder, in the order of their characters. */
export function filesBelow(start: string): string[] {
  return readdirSync(start, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(start.endsWith(sep) ? start.length : start.length + 1))
    .sort()
}
