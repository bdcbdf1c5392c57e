import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { syncDirectory } from '../../device/platform/atomic-file.ts'
import type { ModelStore } from '../../models/store/layout.ts'
import { asStoreFault } from './errors.ts'

/** The runtime reads releases and pointers by the group of the root folder (setgid); the work under way is nobody else's. */
const SHARED = 0o750
const OWN = 0o700

/** @throws UpdaterError updater_store_full | updater_store_unwritable */
export function makeStoreFolders(store: ModelStore): void {
  try {
    for (const folder of [store.root, store.releases, store.slots]) mkdirSync(folder, { recursive: true, mode: SHARED })
    mkdirSync(store.jobs, { recursive: true, mode: OWN })
    syncDirectory(store.root)
  } catch (error) {
    throw asStoreFault(error)
  }
}

/** What an atomic write leaves when the process is killed in the midst of it. Only for the holder of the store's lock. */
export function sweepTemporaryFiles(folders: readonly string[]): void {
  for (const folder of folders) {
    for (const name of readdirSync(folder)) if (name.endsWith('.tmp')) rmSync(join(folder, name), { force: true })
  }
}
