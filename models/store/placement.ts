import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { syncDirectory, writeFileAtomic } from '../../device/platform/atomic-file.ts'
import { GRANT_FILE, type ModelStore, PACKAGE_FILE, releaseFolder } from './layout.ts'

/**
 * How an installer fills a store, before or without an updater that runs on it: the updater, once it does, is the only writer.
 * Every step leaves what is there whole, or what is new, and nothing between.
 */

export interface PlacedRelease {
  /** SHA-256 of the package, lowercase hex: the name of its folder. */
  readonly packageHash: string
  readonly package: Uint8Array
  readonly grant: Uint8Array
}

/** Makes the folders that are missing. */
export function prepareStore(store: ModelStore): void {
  for (const folder of [store.root, store.releases, store.slots]) mkdirSync(folder, { recursive: true, mode: 0o750 })
}

/** Written beside its place and renamed into it, so that a release is whole or not there. What stood there is replaced. */
export function placeRelease(store: ModelStore, { packageHash, package: bytes, grant }: PlacedRelease): void {
  const place = releaseFolder(store, packageHash)
  const making = join(store.releases, `.${packageHash}`)
  rmSync(making, { recursive: true, force: true })
  mkdirSync(making, { mode: 0o750 })
  try {
    writeFileAtomic(join(making, PACKAGE_FILE), bytes, 0o640)
    writeFileAtomic(join(making, GRANT_FILE), grant, 0o640)
    rmSync(place, { recursive: true, force: true })
    renameSync(making, place)
    syncDirectory(store.releases)
  } catch (cause) {
    rmSync(making, { recursive: true, force: true })
    throw cause
  }
}

/** The vendor's targets; to be put there once every release that they list, and that is to run, lies in the store. */
export function placeImageTargets(store: ModelStore, bytes: Uint8Array): void {
  writeFileAtomic(store.image, bytes, 0o640)
}
