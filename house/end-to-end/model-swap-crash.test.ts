import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../../demo/site.ts'
import { news2Draft } from '../../models/news2/package.ts'
import { activationPoints } from '../../runtime/decisions/model-activation.ts'
import type { ModelSummary } from '../../runtime/decisions/service-types.ts'
import { clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'
import { leavesOf, numbered, placeInStore, pointAt, Updater } from './testkit/model-store.ts'
import { verifySite } from './verify-site.ts'

const ENTRY = fileURLToPath(new URL('./testkit/dying-runtime.ts', import.meta.url))

let site: Site
let counter = 1

beforeAll(async () => {
  site = await makeSite([numbered(news2Draft(), counter)])
})

afterAll(() => {
  if (site) removeSite(site)
})

describe('kill -9 of the runtime in a change of models', () => {
  it.each(['pointed', ...activationPoints])(
    'at "%s": the next start has one model, and the change one leaf',
    {
      timeout: 60_000,
    },
    async (point) => {
      const next = await placeInStore(site, numbered(news2Draft(), ++counter))
      const dying = await startAppliance(site, [], [ENTRY, point])
      const first = new Updater(site)
      await first.prove('news2', next)
      const { event } = pointAt(site, 'news2', next, 'activate')
      const asked = first.activate('news2').catch((error: unknown) => error)
      if (point === 'pointed') dying.process.kill('SIGKILL')
      expect(await dying.ended).toMatchObject({ signal: 'SIGKILL' })
      await asked
      first.close()

      const appliance = await startAppliance(site)
      const engineer = clientFor('engineer', site, appliance.url)
      const bedside = clientFor('bedside', site, appliance.url)
      const { models } = (await engineer.get('/v1/models')).body as { models: ModelSummary[] }
      expect(models).toMatchObject([{ slot: 'news2', state: 'active', fault: null, packageHash: next }])
      expect((await bedside.post('/v1/decisions', news2Body(`after-${point}`))).status).toBe(200)
      // The updater, which was left without an answer, asks again.
      const again = new Updater(site)
      expect(await again.activate('news2')).toEqual({ slot: 'news2', package: next, event })
      for (const one of [again, engineer, bedside]) one.close()
      expect(await appliance.stop()).toBe(0)
      const leaves = leavesOf(site).filter((leaf) => leaf.event === event)
      expect(leaves).toMatchObject([{ kind: 'activated', packageHash: next, releaseCounter: counter, by: 'engineer' }])
      expect(verifySite(site).code).toBe(0)
    },
  )
})
