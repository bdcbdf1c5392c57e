import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Site } from '../../../demo/site.ts'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import type { PackageIdentity } from '../../../models/package/pack.ts'
import { GRANT_FILE, IMAGE_FILE, modelStore, PACKAGE_FILE } from '../../../models/store/layout.ts'
import { placeImageTargets, placeRelease, prepareStore } from '../../../models/store/placement.ts'
import { writeSlotPointer } from '../../../models/store/pointer.ts'

/** Puts a folder that `wardstone model pack` and `model sign` have written where an updater would, and points its slot at it. */
export function placeSigned(site: Site, folder: string, { modelId, packageHash }: PackageIdentity): void {
  const file = (name: string) => readFileSync(join(folder, name))
  const store = modelStore(site.path('store'))
  prepareStore(store)
  placeRelease(store, { package: file(PACKAGE_FILE), grant: file(GRANT_FILE), packageHash })
  placeImageTargets(store, file(IMAGE_FILE))
  const event = Buffer.from(systemRandomness.bytes(16)).toString('hex')
  const pointer = { v: 1, slot: modelId, event, change: 'activate', active: packageHash, previous: null } as const
  writeSlotPointer(store, { ...pointer, by: 'development-site' })
}
