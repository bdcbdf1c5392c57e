import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { installModels } from '../../demo/installation.ts'
import type { Site } from '../../demo/site.ts'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import type { ModelSummary } from '../../runtime/decisions/service-types.ts'
import { clientFor, makeSite, removeSite, startAppliance } from './appliance.ts'

const draft = news2Draft()
const numbered = (releaseCounter: number): PackageDraft => ({
  ...draft,
  manifest: { ...draft.manifest, releaseCounter },
})

let site: Site

beforeAll(async () => {
  site = await makeSite([numbered(2)])
})

afterAll(() => {
  if (site) removeSite(site)
})

/** What a start of the real runtime makes of the slot. */
async function slotAfterStart(): Promise<ModelSummary | undefined> {
  const appliance = await startAppliance(site)
  const engineer = clientFor('engineer', site, appliance.url)
  const { models } = (await engineer.get('/v1/models')).body as { models: ModelSummary[] }
  engineer.close()
  expect(await appliance.stop()).toBe(0)
  return models[0]
}

it('a box that ran release 2 refuses release 1 at its next start, rightly signed as it is', {
  timeout: 60_000,
}, async () => {
  expect(await slotAfterStart()).toMatchObject({ state: 'active', fault: null })
  rmSync(site.path('store/slots/news2.json'))
  const tools = { provider: createCryptoProvider(), randomness: systemRandomness, progress: () => {} }
  await installModels(site, [numbered(1)], tools)
  expect(await slotAfterStart()).toMatchObject({ state: 'unavailable', fault: 'package_downgrade' })
})
