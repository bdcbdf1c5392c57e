import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { silentLog } from '../../device/platform/log.ts'
import { parseGoldenVectors } from '../../models/contract/golden.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import {
  createPackageSite,
  EXPIRES_MS,
  NOW_MS,
  type PackageSite,
  release,
} from '../../models/package/testkit/package-site.ts'
import type { LedgerHandle } from '../audit/ledger.ts'
import { type LogSite, makeSite, openSite, removeSite } from '../audit/testkit/ledger-fixture.ts'
import type { ModelWorker } from '../inference/types.ts'
import type { Database } from '../storage/database.ts'
import { loadSlot } from './model-slots.ts'
import type { Slot } from './types.ts'

let packages: PackageSite
let logSite: LogSite
let ledger: LedgerHandle
let database: Database
let workers: ModelWorker[]

beforeEach(async () => {
  packages = await createPackageSite()
  logSite = await makeSite()
  const opened = await openSite(logSite)
  ledger = opened.ledger
  database = opened.database
  workers = []
})

afterEach(async () => {
  for (const worker of workers) await worker.stop()
  await ledger.close()
  packages.remove()
  removeSite(logSite)
})

const draft = news2Draft()
const numbered = (releaseCounter: number): PackageDraft => ({
  ...draft,
  manifest: { ...draft.manifest, releaseCounter },
})

async function install(what: PackageDraft): Promise<void> {
  const made = await release(packages, what)
  writeFileSync(packages.paths.package, made.package)
  writeFileSync(packages.paths.image, made.image)
  writeFileSync(packages.paths.grant, made.grant)
}

/** Loads what stands there, as the runtime does at its start: floor and history come from the real log. */
async function load(slot = 'news2', nowMs = NOW_MS): Promise<Slot> {
  const { store } = ledger
  const trust = () => ({
    ...packages.trust,
    nowMs,
    floor: (modelId: string) => store.floor(modelId),
    wasActivated: (packageHash: string) => store.wasActivated(packageHash),
  })
  const settings = { threads: 1, maxQueue: 16, isolation: 'preferred' } as const
  const started = (worker: ModelWorker) => void workers.push(worker)
  return loadSlot(slot, packages.paths, { trust, ledger, settings, clock: systemClock, log: silentLog, started })
}

function activations(): unknown[] {
  return database
    .prepare<{ leaf: Uint8Array }>('SELECT leaf FROM leaves ORDER BY idx')
    .all()
    .map(({ leaf }) => JSON.parse(Buffer.from(leaf).toString('utf8')))
    .filter(({ kind }) => kind === 'activated')
}

describe('a slot', () => {
  it('goes live with a leaf of its own, and without another one at the next start', async () => {
    await install(numbered(2))
    expect((await load()).state).toBe('active')
    expect(activations()).toMatchObject([{ slot: 'news2', releaseCounter: 2 }])
    expect((await load()).state).toBe('active')
    expect(activations()).toHaveLength(1)
  })

  it('refuses a release below the one that went live, and another package under its number', async () => {
    await install(numbered(2))
    await load()
    await install(numbered(1))
    expect(await load()).toEqual({ state: 'unavailable', fault: 'package_downgrade' })
    await install(numbered(2))
    expect(await load()).toEqual({ state: 'unavailable', fault: 'package_counter_reused' })
    expect(activations()).toHaveLength(1)
  })

  it('refuses an expired grant, unless exactly this package ran here before', async () => {
    await install(numbered(2))
    const later = EXPIRES_MS + 1000
    expect(await load('news2', later)).toEqual({ state: 'unavailable', fault: 'package_grant_expired' })
    expect((await load()).state).toBe('active')
    expect((await load('news2', later)).state).toBe('active')
  })

  it('does not take the model of another slot', async () => {
    await install(draft)
    expect(await load('sepsis-risk')).toEqual({ state: 'unavailable', fault: 'package_target_missing' })
  })
})

describe('a package that does not do what it says', () => {
  const withGolden = (change: (vectors: { name: string; inputs: object; expect: object }[]) => void): PackageDraft => ({
    ...draft,
    files: draft.files.map((file) => {
      if (file.role !== 'golden-vectors') return file
      const golden = structuredClone(parseGoldenVectors(file.content))
      change(golden.vectors)
      return { ...file, content: canonicalBytes(golden) }
    }),
  })
  const withContract = (change: Partial<PackageDraft['manifest']['contract']>): PackageDraft => ({
    ...draft,
    manifest: { ...draft.manifest, contract: { ...draft.manifest.contract, ...change } },
  })

  it.each<[string, PackageDraft, string]>([
    [
      'does not reproduce a golden vector',
      withGolden((vectors) => {
        const scored = vectors.findLast(({ expect }) => 'outputs' in expect)
        Object.assign(scored?.expect ?? {}, { outputs: { band: [1] } })
      }),
      'inference_self_test_failed',
    ],
    [
      'contradicts itself',
      withContract({ threshold: { output: 'nobody', alertAt: 1, clearBelow: 1 } }),
      'contract_inconsistent',
    ],
    [
      'explains what does not add up',
      withContract({
        explanation: { method: 'model-output', output: 'points', total: 'doubled' },
        outputs: doubledOutputs(),
      }),
      'inference_self_test_failed',
    ],
    [
      'has vectors that never run the model',
      withGolden((vectors) =>
        vectors.splice(0, vectors.length, ...vectors.filter(({ expect }) => 'refused' in expect)),
      ),
      'contract_inconsistent',
    ],
  ])('%s: does not go live and leaves no leaf', async (_what, broken, fault) => {
    await install(broken)
    expect(await load()).toEqual({ state: 'unavailable', fault })
    expect(activations()).toEqual([])
  })
})

/** A second score on the band's tensor: a number that the points do not add up to. */
function doubledOutputs(): PackageDraft['manifest']['contract']['outputs'] {
  const { outputs } = draft.manifest.contract
  const band = outputs.find(({ name }) => name === 'band')
  const range = { low: 0, high: 20 }
  const other = {
    role: 'score' as const,
    name: 'doubled',
    display: 'Other',
    tensor: band?.tensor ?? '',
    unit: '1',
    range,
    decimals: 0,
  }
  return [...outputs, other]
}
