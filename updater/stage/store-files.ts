import { chmodSync, chownSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelStore } from '../../models/store/layout.ts'

/** Readable for the group of the store, in which the runtime is. */
export const FILE_MODE = 0o640
export const FOLDER_MODE = 0o750

/** Lets the group of the store read, whatever the umask and the group of the folder that it was made in. */
export function shareWithStore(path: string, mode: number, store: ModelStore): void {
  const { gid } = statSync(store.releases)
  const state = statSync(path)
  if (state.gid !== gid) chownSync(path, state.uid, gid)
  chmodSync(path, mode | (state.mode & 0o2000))
}

/** Removes what a replacement of a file that was cut short has left beside it. */
export function sweep(folder: string, name: string): void {
  for (const entry of readdirSync(folder)) {
    if (entry.startsWith(`${name}.`) && entry.endsWith('.tmp')) rmSync(join(folder, entry), { force: true })
  }
}
