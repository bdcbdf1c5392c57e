import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errorCode } from '../../../device/platform/errors.ts'
import { openPackage } from '../../../models/package/open.ts'
import { signGrant, signImageTargets, wrapContentKey } from '../../../models/package/targets.ts'
import {
  createPackageSite,
  DEVICE_ID,
  EXPIRES_MS,
  type PackageSite,
  type Release,
  release,
} from '../../../models/package/testkit/package-site.ts'
import { sampleDraft } from '../../../models/package/testkit/sample-draft.ts'
import { type ModelStore, modelStore, PACKAGE_FILE, releasePaths } from '../../../models/store/layout.ts'
import { writeSlotPointer } from '../../../models/store/pointer.ts'
import { type StagedRelease, type StagingCheckpoint, type StagingJob, stageRelease } from '../stage-release.ts'

/** A model store with keepers who sign for it, and jobs that bring releases. */
export interface StoreSite {
  readonly site: PackageSite
  readonly store: ModelStore
  pack(version: string, counter: number): Promise<Release>
  image(
    version: number,
    packages: readonly (Release & { readonly revoked?: boolean })[],
    expiresAtMs?: number,
  ): Promise<Uint8Array>
  grant(of: Release, version: number, expiresAtMs?: number): Promise<Uint8Array>
  /** The folder of a job as the fetch leaves it. */
  job(of: Release, imageBytes: Uint8Array, grantBytes: Uint8Array): StagingJob
  stage(job: StagingJob, active?: readonly string[], checkpoint?: StagingCheckpoint): Promise<StagedRelease>
  /** The code that staging ended with, or `staged`. */
  outcome(job: StagingJob, active?: readonly string[]): Promise<string>
  /** Whether the runtime could load the release from the store: the code, or `opens`. */
  opens(of: Release): Promise<string>
  point(active: Release, previous?: Release): void
  /** Every path of the store but those of jobs, in order. */
  tree(): string[]
  /** Empties the store. */
  clear(): void
  remove(): void
}

export async function createStoreSite(): Promise<StoreSite> {
  const site = await createPackageSite()
  const store = modelStore(mkdtempSync(join(tmpdir(), 'wardstone-store-')))
  const makeFolders = () => {
    for (const folder of [store.releases, store.slots, store.jobs]) mkdirSync(folder, { recursive: true })
  }
  makeFolders()
  let jobs = 0
  const keepers = { vendor: site.vendor.verifier, fleet: site.fleet.verifier, deviceId: DEVICE_ID }

  const stage: StoreSite['stage'] = (job, active = [], checkpoint) =>
    stageRelease(store, job, { ...keepers, active }, checkpoint)
  return {
    site,
    store,
    stage,
    pack: (version, counter) =>
      release(site, sampleDraft({ model: `weights of ${version}` }, { version, releaseCounter: counter })),
    image: (version, packages, expiresAtMs = EXPIRES_MS) =>
      signImageTargets(site.vendor.signer, {
        version,
        expiresAtMs,
        packages: packages.map(({ identity, revoked = false }) => ({ ...identity, revoked })),
      }),
    grant: async ({ identity, contentKey }, version, expiresAtMs = EXPIRES_MS) => {
      const { manifestHash, releaseCounter } = identity
      const context = { deviceId: DEVICE_ID, manifestHash, releaseCounter, contentKey }
      const wrappedKey = await wrapContentKey(site.provider, site.recipient.publicKey, context)
      return signGrant(site.fleet.signer, { version, expiresAtMs, deviceId: DEVICE_ID, package: identity, wrappedKey })
    },
    job: (of, imageBytes, grantBytes) => {
      jobs += 1
      const folder = join(store.jobs, String(jobs).padStart(16, '0'))
      mkdirSync(folder)
      writeFileSync(join(folder, PACKAGE_FILE), of.package)
      return { folder, imageBytes, grantBytes }
    },
    outcome: (job, active) => stage(job, active).then(() => 'staged', errorCode),
    opens: async ({ identity }) => {
      try {
        const opened = await openPackage(releasePaths(store, identity.packageHash), site.trust)
        opened.close()
        return 'opens'
      } catch (error) {
        return errorCode(error)
      }
    },
    point: (active, previous) =>
      writeSlotPointer(store, {
        v: 1,
        slot: 'sample',
        event: 'ab'.repeat(16),
        change: 'activate',
        active: active.identity.packageHash,
        previous: previous?.identity.packageHash ?? null,
        by: 'tester',
      }),
    tree: () =>
      readdirSync(store.root, { recursive: true, encoding: 'utf8' })
        .filter((path) => !path.startsWith('jobs'))
        .sort(),
    clear: () => {
      rmSync(store.root, { recursive: true, force: true })
      makeFolders()
    },
    remove: () => {
      site.remove()
      rmSync(store.root, { recursive: true, force: true })
    },
  }
}
