import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Site } from '../../demo/site.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { ModelSummary } from '../../runtime/decisions/service-types.ts'
import { clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'

let site: Site

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  await start()
})

afterAll(() => {
  if (site) removeSite(site)
})

/** What a start of the real runtime makes of the store, and whether it decides. */
async function start(): Promise<{ models: ModelSummary[]; status: number }> {
  const appliance = await startAppliance(site)
  const [engineer, bedside] = [clientFor('engineer', site, appliance.url), clientFor('bedside', site, appliance.url)]
  const { models } = (await engineer.get('/v1/models')).body as { models: ModelSummary[] }
  const { status } = await bedside.post('/v1/decisions', news2Body('somebody'))
  for (const client of [engineer, bedside]) client.close()
  expect(await appliance.stop()).toBe(0)
  return { models, status }
}

it.each<[string, () => void]>([
  ['a pointer', () => replaceByPipe('store/slots/news2.json')],
  ['all pointers', () => replaceByPipe('store/slots')],
  ['the whole store', () => replaceByPipe('store')],
])(
  'a pipe in the place of %s costs the model and nothing else: the runtime starts and says so',
  {
    timeout: 60_000,
  },
  async (_what, spoil) => {
    spoil()
    const { models, status } = await start()
    expect(status).toBe(503)
    expect(models).toMatchObject([{ slot: 'news2', state: 'unavailable', fault: 'store_pointer_unreadable' }])
    for (const name of ['store', 'store/slots', 'store/slots/news2.json']) putBack(name)
    expect(await start()).toMatchObject({ status: 200, models: [{ state: 'active', fault: null }] })
  },
)

it('a store full of other pointers does not keep the model waiting that ran before', { timeout: 60_000 }, async () => {
  const pointer = readFileSync(site.path('store/slots/news2.json'), 'utf8')
  for (let place = 0; place < 100; place++) {
    const slot = `a${place}`
    writeFileSync(site.path(`store/slots/${slot}.json`), pointer.replace('"slot":"news2"', `"slot":"${slot}"`))
  }
  copyFileSync(site.path('store/slots/a0.json'), site.path('store/slots/b.json'))
  const { models, status } = await start()
  expect(status).toBe(200)
  expect(models[0]).toMatchObject({ slot: 'news2', state: 'active' })
  for (const { fault } of models.slice(1)) expect(fault).not.toBeNull()
})

function replaceByPipe(name: string): void {
  renameSync(site.path(name), site.path(`kept-${name.replaceAll('/', '-')}`))
  execFileSync('mkfifo', [site.path(name)])
}

function putBack(name: string): void {
  const kept = site.path(`kept-${name.replaceAll('/', '-')}`)
  try {
    readFileSync(kept)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
  }
  rmSync(site.path(name), { force: true })
  renameSync(kept, site.path(name))
}
