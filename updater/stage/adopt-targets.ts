import { basename } from 'node:path'
import { writeFileAtomic } from '../../device/platform/atomic-file.ts'
import { verifyImageTargets } from '../../models/package/targets.ts'
import type { ModelStore } from '../../models/store/layout.ts'
import { verifyAdoption } from './adoption.ts'
import { onStore } from './errors.ts'
import type { StagingTrust } from './stage-release.ts'
import { FILE_MODE, shareWithStore, sweep } from './store-files.ts'

/**
 * Takes image targets for themselves, whatever became of the release that they came with: what they revoke must not be lost with
 * it. In date they have to be (TUF 1.0 §5.6.5), newer than those of the store, and with every release that runs.
 * @returns whether the store has them only now
 * @throws PackageError, StageError: they may not take the place of those in the store
 */
export async function adoptTargets(
  store: ModelStore,
  imageBytes: Uint8Array,
  nowMs: number,
  trust: StagingTrust,
): Promise<boolean> {
  const { expires } = await verifyImageTargets(imageBytes, trust.vendor)
  if (!(nowMs < Date.parse(expires))) return false
  if ((await verifyAdoption(store, imageBytes, trust.active, trust)) === 'same') return false
  onStore(() => {
    writeFileAtomic(store.image, imageBytes, FILE_MODE)
    shareWithStore(store.image, FILE_MODE, store)
    sweep(store.root, basename(store.image))
  })
  return true
}
