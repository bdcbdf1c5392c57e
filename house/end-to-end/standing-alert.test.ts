import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Site } from '../../demo/site.ts'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { parseGoldenVectors } from '../../models/contract/golden.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import { type Appliance, clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'

const NEVER_REACHED = 'no alert'

/** NEWS2 with an alert at a score of 5 that stands until it is below 3; of its golden vectors, one that is far from both. */
function withHysteresis(draft: PackageDraft): PackageDraft {
  const { contract } = draft.manifest
  const score = contract.outputs.find(({ role }) => role === 'score')?.name ?? ''
  const files = draft.files.map((file) => {
    if (file.role !== 'golden-vectors') return file
    const { version, vectors } = parseGoldenVectors(file.content)
    const quiet = vectors.find(({ expect: wanted }) => 'outputs' in wanted && wanted.outputs[score]?.[0] === 0)
    return { ...file, content: canonicalBytes({ version, vectors: [{ ...quiet, name: NEVER_REACHED }] }) }
  })
  const threshold = { output: score, alertAt: 5, clearBelow: 3 }
  return { manifest: { ...draft.manifest, contract: { ...contract, threshold } }, files }
}

let site: Site
let appliance: Appliance

beforeAll(async () => {
  site = await makeSite([withHysteresis(news2Draft())])
  appliance = await startAppliance(site)
}, 60_000)
afterAll(async () => {
  await appliance.stop()
  removeSite(site)
})

/** A respiratory rate of 25 scores 3, one of 21 scores 2; a systolic pressure of 100 scores 2, one of 105 scores 1. */
async function alertOf(subject: string, rate: number, pressure: number): Promise<unknown> {
  const client = clientFor('bedside', site, appliance.url)
  try {
    const changes = {
      'respiratory-rate': { value: rate, unit: '/min' },
      'systolic-pressure': { value: pressure, unit: 'mm[Hg]' },
    }
    const { status, body } = await client.post('/v1/decisions', news2Body(subject, changes))
    expect(status).toBe(200)
    return (body as { decision: { assessment: { alert: boolean } } }).decision.assessment.alert
  } finally {
    client.close()
  }
}

test('an alert stands for its subject until the score is below clearBelow, through a restart', async () => {
  expect(await alertOf('one', 25, 105)).toBe(false)
  expect(await alertOf('one', 25, 100)).toBe(true)
  expect(await alertOf('one', 25, 105)).toBe(true)
  expect(await alertOf('two', 25, 105)).toBe(false)
  await appliance.stop()
  appliance = await startAppliance(site)
  expect(await alertOf('one', 21, 105)).toBe(true)
  expect(await alertOf('one', 21, 120)).toBe(false)
  expect(await alertOf('one', 25, 105)).toBe(false)
}, 60_000)
