import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { PACKAGE_FILE } from '../../models/store/layout.ts'
import { within } from './deadline.ts'
import { directorySource } from './directory-source.ts'
import { FetchError } from './errors.ts'
import { defaultFetchLimits, type FetchLimits, type ReleaseSource } from './source.ts'
import { systemCode } from './system-error.ts'

const FOLDER = 'wardstone'
/** What a release on a medium may be called: nothing that could lead elsewhere or disturb a terminal. */
const RELEASE_NAME = /^[A-Za-z0-9][A-Za-z0-9.-]{0,199}$/
const MAX_ENTRIES = 1000
const MAX_NAMED = 16

export interface UsbRelease {
  readonly source: ReleaseSource
  readonly name: string
}

/**
 * A release on a mounted medium: `<root>/wardstone/<name>/`. The medium is a stranger's: names that are not plain are
 * passed over, links are not followed, and only so many entries are looked at.
 * @param name which release; null takes the only one
 * @throws FetchError fetch_name_invalid | fetch_release_missing | fetch_several_releases (about: their names)
 * | fetch_tree_too_large | fetch_source_unreadable | fetch_stalled
 */
export async function usbSource(
  root: string,
  name: string | null,
  limits: FetchLimits = defaultFetchLimits,
): Promise<UsbRelease> {
  // A medium that is failing may never answer.
  return within(findRelease(root, name, limits), limits.idleMs, new AbortController().signal)
}

async function findRelease(root: string, name: string | null, limits: FetchLimits): Promise<UsbRelease> {
  const folder = join(root, FOLDER)
  if (!(await isFolder(folder))) throw new FetchError('fetch_release_missing')
  const chosen = name ?? (await onlyRelease(folder))
  if (!RELEASE_NAME.test(chosen)) throw new FetchError('fetch_name_invalid')
  if (!(await isRelease(folder, chosen))) throw new FetchError('fetch_release_missing')
  return { source: directorySource(join(folder, chosen), 'usb', limits), name: chosen }
}

async function onlyRelease(folder: string): Promise<string> {
  const names = await releaseNames(folder)
  const [only, ...others] = names
  if (only === undefined) throw new FetchError('fetch_release_missing')
  if (others.length === 0) return only
  const shown = names.slice(0, MAX_NAMED).join(', ')
  const more = names.length - MAX_NAMED
  throw new FetchError('fetch_several_releases', { about: more > 0 ? `${shown} and ${more} more` : shown })
}

/** Read entry by entry: a folder of millions costs no more than the first thousand of them. */
async function releaseNames(folder: string): Promise<string[]> {
  const names: string[] = []
  let seen = 0
  try {
    for await (const entry of await opendir(folder)) {
      seen += 1
      if (seen > MAX_ENTRIES) throw new FetchError('fetch_tree_too_large')
      if (RELEASE_NAME.test(entry.name) && (await isRelease(folder, entry.name))) names.push(entry.name)
    }
  } catch (cause) {
    throw cause instanceof FetchError ? cause : new FetchError('fetch_source_unreadable', { cause })
  }
  return names.sort()
}

async function isRelease(folder: string, name: string): Promise<boolean> {
  return (await isFolder(join(folder, name))) && (await kindOf(join(folder, name, PACKAGE_FILE))) === 'file'
}

async function isFolder(path: string): Promise<boolean> {
  return (await kindOf(path)) === 'folder'
}

/** What lies there itself: lstat, so that a link is a link wherever it leads. */
async function kindOf(path: string): Promise<'file' | 'folder' | 'other' | undefined> {
  try {
    const state = await lstat(path)
    if (state.isFile()) return 'file'
    return state.isDirectory() ? 'folder' : 'other'
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(cause) ?? '')) return undefined
    throw new FetchError('fetch_source_unreadable', { cause })
  }
}
