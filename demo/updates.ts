import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { loadVerifier } from '../device/crypto/signing.ts'
import { readFileBounded, writeFileAtomic } from '../device/platform/atomic-file.ts'
import { canonicalBytes } from '../device/platform/canonical-json.ts'
import { parseGoldenVectors } from '../models/contract/golden.ts'
import type { GoldenVectors } from '../models/contract/schema.ts'
import type { PackageDraft } from '../models/package/pack.ts'
import { MAX_IMAGE_BYTES, verifyImageTargets } from '../models/package/targets.ts'
import { GRANT_FILE, IMAGE_FILE, PACKAGE_FILE } from '../models/store/layout.ts'
import { listedTargets, loadKeepers, type SignedRelease, signRelease, signTargets } from './installation.ts'
import { isTaken, type Site, type SiteTools, siteWriteError } from './site.ts'

/** Releases to install by hand, in the folder `updates` of a site. */
export const updateNames = {
  /** The next release of a model: it goes live. */
  next: 'news2-1.0.1',
  /** Signed by both keepers, but its golden vectors do not hold: the box refuses it when it proves it. */
  unfit: 'news2-1.0.2-unfit',
  /** A later release with one byte changed on the way. */
  tampered: 'news2-1.0.3-tampered',
} as const

type Tools = Pick<SiteTools, 'provider' | 'randomness'>

/**
 * Makes the releases that a person may try on the running box. They are made anew when the store has seen newer targets than
 * theirs, which the updater would refuse as rolled back.
 * @param draft the model that runs
 */
export async function offerUpdates(site: Site, draft: PackageDraft, tools: Tools): Promise<void> {
  const listed = await listedTargets(site, tools.provider)
  if ((await offeredVersion(site, tools)) >= (listed?.version ?? 0)) return
  const keepers = await loadKeepers(site, tools.provider)
  const [nextDraft, unfitDraft, laterDraft] = updatesOf(draft)
  const next = await signRelease(site, nextDraft, keepers, tools)
  const unfit = await signRelease(site, withWrongVectors(unfitDraft), keepers, tools)
  const later = await signRelease(site, laterDraft, keepers, tools)
  const image = await signTargets(keepers.vendor, listed, [next.identity, unfit.identity, later.identity])
  const making = site.path(`.updates-${process.pid}`)
  rmSync(making, { recursive: true, force: true })
  try {
    writeRelease(join(making, updateNames.next), next, image)
    writeRelease(join(making, updateNames.unfit), unfit, image)
    writeRelease(join(making, updateNames.tampered), { ...later, package: flipped(later.package) }, image)
    rmSync(site.path('updates'), { recursive: true, force: true })
    renameSync(making, site.path('updates'))
  } catch (cause) {
    rmSync(making, { recursive: true, force: true })
    // Another start was quicker: what it offers is as good.
    if (!isTaken(cause)) throw siteWriteError(cause, site.root)
  }
}

/** The releases that follow a draft, in order. */
export function updatesOf(draft: PackageDraft): readonly [PackageDraft, PackageDraft, PackageDraft] {
  return [nextRelease(draft, '1.0.1', 1), nextRelease(draft, '1.0.2', 2), nextRelease(draft, '1.0.3', 3)]
}

async function offeredVersion(site: Site, { provider }: Tools): Promise<number> {
  const path = site.path(join('updates', updateNames.next, IMAGE_FILE))
  if (!existsSync(path)) return -1
  const vendor = await loadVerifier(provider, readFileBounded(site.path('signing/vendor.pub'), 4096).toString('utf8'))
  return (await verifyImageTargets(readFileBounded(path, MAX_IMAGE_BYTES), vendor)).version
}

export function nextRelease(draft: PackageDraft, version: string, later: number): PackageDraft {
  const releaseCounter = draft.manifest.releaseCounter + later
  return { ...draft, manifest: { ...draft.manifest, version, releaseCounter } }
}

/** What the first golden vector expects is not what the model gives. */
export function withWrongVectors(draft: PackageDraft): PackageDraft {
  const files = draft.files.map((file) =>
    file.role === 'golden-vectors'
      ? { ...file, content: canonicalBytes(withWrongValue(parseGoldenVectors(file.content))) }
      : file,
  )
  return { ...draft, files }
}

function withWrongValue({ vectors, ...rest }: GoldenVectors): GoldenVectors {
  const [first, ...others] = vectors
  if (first === undefined || !('outputs' in first.expect)) return { vectors, ...rest }
  const outputs = Object.entries(first.expect.outputs).map(([name, values]) => [name, values.map((value) => value + 1)])
  return {
    ...rest,
    vectors: [{ ...first, expect: { ...first.expect, outputs: Object.fromEntries(outputs) } }, ...others],
  }
}

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const last = copy.length - 1
  copy[last] = (copy[last] ?? 0) ^ 1
  return copy
}

function writeRelease(folder: string, release: SignedRelease, image: Uint8Array): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  writeFileAtomic(join(folder, PACKAGE_FILE), release.package)
  writeFileAtomic(join(folder, GRANT_FILE), release.grant)
  writeFileAtomic(join(folder, IMAGE_FILE), image)
}
