import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { errorCode } from '../../../device/platform/errors.ts'
import type { AgreedTarget } from '../../../models/package/policy.ts'
import {
  createPackageSite,
  type PackageSite,
  type Release,
  release,
} from '../../../models/package/testkit/package-site.ts'
import { sampleDraft } from '../../../models/package/testkit/sample-draft.ts'
import { fetchPackage, type PackageFetch } from '../fetch-package.ts'
import { defaultFetchLimits, type FetchLimits, type ReleaseSource } from '../source.ts'

/** Short enough for a test, long enough for a busy machine. */
export const quickLimits: FetchLimits = {
  ...defaultFetchLimits,
  connectMs: 2000,
  idleMs: 2000,
  floorBytes: 1024,
  totalMs: 10_000,
  attempts: 3,
  retryMs: 1,
  maxRetryMs: 4,
  reserveBytes: 0,
}

export const going: AbortSignal = new AbortController().signal

/** A signed package of several chunks, and a folder that it is fetched into. */
export interface PackageOnOffer {
  readonly site: PackageSite
  readonly made: Release
  readonly target: AgreedTarget
  readonly into: string
  readonly part: string
  /** Fetches, and says with which code it ended. */
  fetch(source: ReleaseSource, changes?: Partial<PackageFetch>): Promise<string>
  /** True when exactly the signed bytes lie at `into`. */
  hasArrived(): boolean
  /** Forgets what was fetched. */
  clear(): void
  remove(): void
}

/** @param modelBytes of the model, drawn at random; a chunk is 1 MiB */
export async function offerPackage(modelBytes: number): Promise<PackageOnOffer> {
  const site = await createPackageSite()
  const made = await release(
    site,
    sampleDraft({ model: systemRandomness.bytes(modelBytes), card: 'A card.', licence: '' }),
  )
  const target: AgreedTarget = { ...made.identity, name: 'sample-1.0.0.wspkg', revoked: false }
  const folder = mkdtempSync(join(tmpdir(), 'wardstone-fetch-'))
  const into = join(folder, 'package.wspkg')
  const part = `${into}.part`
  const base = {
    target,
    into,
    limits: quickLimits,
    randomness: systemRandomness,
    signal: going,
    progress: () => undefined,
  }
  return {
    ...{ site, made, target, into, part },
    fetch: async (source, changes = {}) => {
      try {
        await fetchPackage(source, { ...base, ...changes })
        return 'fetched'
      } catch (error) {
        return errorCode(error)
      }
    },
    hasArrived: () => existsSync(into) && !existsSync(part) && readFileSync(into).equals(made.package),
    clear: () => {
      rmSync(into, { force: true })
      rmSync(part, { force: true })
    },
    remove: () => {
      site.remove()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The bytes with one of them changed. */
export function spoilt(bytes: Uint8Array, position: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[position] = (copy[position] ?? 0) ^ 1
  return copy
}
