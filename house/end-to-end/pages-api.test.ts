import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as http2 } from 'node:http2'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StartedProcess } from '../../demo/child-process.ts'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { startUpdaterProcess } from '../../demo/updater-process.ts'
import { offerUpdates, updateNames } from '../../demo/updates.ts'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { Role } from '../../runtime/access/principal.ts'
import type { DecisionReadAnswerBody, HealthAnswerBody } from '../../runtime/http/contract.ts'
import type { ModelDetailBody, ModelJobBody, ModelStoreBody } from '../../runtime/http/contract-models.ts'
import { TestClient } from '../../runtime/http/testkit/client.ts'
import { openEvents } from '../../runtime/http/testkit/event-client.ts'
import { FORM_DATA, partsOf } from '../../runtime/http/testkit/uploads.ts'
import { type Appliance, clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'
import { leavesOf } from './testkit/model-store.ts'

let site: Site
let appliance: Appliance
let updater: StartedProcess
const clients = new Map<Role, ApiClient>()
const as = (role: Role) => clients.get(role)!

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  const tools = { provider: createCryptoProvider(), randomness: systemRandomness }
  await offerUpdates(site, news2Draft(), tools)
  const config = JSON.parse(readFileSync(site.path('runtime.json'), 'utf8')) as object
  const grpc = { host: '127.0.0.1', port: 0 }
  writeFileSync(site.path('runtime.json'), JSON.stringify({ ...config, oip: { grpc } }))
  appliance = await startAppliance(site)
  updater = await startUpdaterProcess(site)
  for (const role of ['bedside', 'clinician', 'engineer', 'officer'] as const)
    clients.set(role, clientFor(role, site, appliance.url))
}, 120_000)

afterAll(async () => {
  for (const client of clients.values()) client.close()
  await updater?.stop()
  await appliance?.stop()
  if (site) removeSite(site)
})

/** The same certificate, for what the client of the demo does not do. */
function bare(role: Role): TestClient {
  const text = (name: string) => readFileSync(site.path(name), 'utf8')
  const identity = { key: text(`clients/${role}.key`), cert: text(`clients/${role}.pem`) }
  return new TestClient(Number(new URL(appliance.url).port), text('authority/ca.pem'), identity)
}

async function get<T>(role: Role, path: string): Promise<T> {
  const { status, body } = await as(role).get(path)
  expect(status, JSON.stringify(body)).toBe(200)
  return body as T
}

async function ended(job: string): Promise<ModelJobBody> {
  for (;;) {
    const now = await get<ModelJobBody>('engineer', `/v1/model-jobs/${job}`)
    if (now.state !== 'running') return now
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe('what the pages ask of the box', () => {
  it('a decision is told to those who watch as it is made, and to an engineer without whose it is', async () => {
    const [clinician, engineer] = [await openEvents(bare('clinician')), await openEvents(bare('engineer'))]
    for (const events of [clinician, engineer]) events.read()
    const { body } = await as('bedside').post('/v1/decisions', news2Body('example-watched'))
    const { decision } = body as DecisionReadAnswerBody
    for (const events of [clinician, engineer])
      expect(await events.until(() => events.events('decision').length === 1)).toBe(true)
    const { decisionId, subjectPseudonym, narrative } = decision
    expect(clinician.events('decision')[0]?.data).toMatchObject({
      slot: 'news2',
      read: { decisionId, subjectPseudonym, narrative, outputs: { aggregate: { values: [0] } } },
    })
    for (const hidden of [decisionId, subjectPseudonym, narrative, 'example-watched'])
      expect(engineer.text).not.toContain(hidden)
    expect(engineer.events('decision')[0]?.data).toMatchObject({ slot: 'news2', outcome: 'scored', read: null })
    for (const events of [clinician, engineer]) events.close()
  })

  it('a decision is read with what was sent and what was taken', async () => {
    const { body } = await as('bedside').post('/v1/decisions', news2Body('example-read'))
    const { decision } = body as DecisionReadAnswerBody
    const read = await get<DecisionReadAnswerBody>('officer', `/v1/decisions/${decision.decisionId}`)
    expect(read.contract?.outputs.aggregate?.range).toEqual({ low: 0, high: 20 })
    expect(read.inputs.find(({ name }) => name === 'heart-rate')).toMatchObject({
      unit: '/min',
      sent: [{ value: 70, unit: '/min' }],
      used: [{ value: 70 }],
      contribution: 'heart-rate',
    })
    expect(read.inputs.find(({ name }) => name === 'consciousness')?.labels).toHaveProperty('A')
  })

  it('every fault has an alarm that says what to do', async () => {
    const { faults, alarms } = await get<HealthAnswerBody>('bedside', '/v1/health')
    expect(alarms.length).toBeGreaterThanOrEqual(faults.length)
    for (const { text, todo, since } of alarms)
      expect([text !== '', todo !== '', since !== null]).toEqual([true, true, true])
  })

  it('a model is shown whole, with what proved it and its card', async () => {
    const { release, selfTest, worker } = await get<ModelDetailBody>('officer', '/v1/models/news2')
    expect(release?.sourceAttributes).toHaveLength(31)
    expect(release?.card).toContain('NEWS2')
    expect(selfTest?.goldenVectors).toBeGreaterThan(100)
    expect(worker?.state).toBe('ready')
  })

  it('other protocols stand beside it', async () => {
    const metrics = await bare('engineer').call('/metrics')
    expect([metrics.status, metrics.text]).toEqual([200, expect.stringContaining('nv_inference_count{')])
    expect((await bare('bedside').call('/v2/health/ready')).status).toBe(200)
    const port = /^grpc 127\.0\.0\.1:(\d+)$/m.exec(appliance.words())?.[1]
    const session = http2(`https://127.0.0.1:${port}`, { ...bare('engineer').tls, port: Number(port) })
    await once(session, 'connect')
    expect(session.alpnProtocol).toBe('h2')
    session.close()
  })

  it('a release is sent, staged, made to run and rolled back, in the name of who asked', async () => {
    const file = (name: string) => readFileSync(join(site.path('updates'), updateNames.next, name))
    const part = (name: string, bytes: string | Uint8Array, type = 'application/octet-stream') => ({
      headers: [`Content-Disposition: form-data; name="${name}"; filename="x"`, `Content-Type: ${type}`],
      bytes,
    })
    const body = partsOf(
      part('request', '{"kind":"install","activate":false}', 'application/json'),
      part('package', file('package.wspkg')),
      part('image', file('image.json')),
      part('grant', file('grant.json')),
    )
    const sent = await bare('engineer').call('/v1/model-jobs', { body, headers: { 'content-type': FORM_DATA } })
    expect(sent.status, sent.text).toBe(202)
    expect(await ended((sent.json as unknown as ModelJobBody).job)).toMatchObject({ state: 'done', version: '1.0.1' })
    const { staged } = await get<ModelStoreBody>('engineer', '/v1/model-store')
    const change = { kind: 'activate', package: staged[0]?.package, confirm: 'news2 1.0.1' }
    const activated = await as('engineer').post('/v1/model-jobs', change)
    expect(activated.status, JSON.stringify(activated.body)).toBe(202)
    expect(await ended((activated.body as ModelJobBody).job)).toMatchObject({ state: 'done', code: null })
    expect((await get<ModelDetailBody>('engineer', '/v1/models/news2')).release?.version).toBe('1.0.1')
    const back = { kind: 'rollback', slot: 'news2', confirm: 'news2 1.0.0' }
    const rolled = await as('engineer').post('/v1/model-jobs', back)
    expect(await ended((rolled.body as ModelJobBody).job)).toMatchObject({ state: 'done' })
    expect((await as('officer').post('/v1/model-jobs', back)).status).toBe(403)
    const leaves = leavesOf(site)
    const asked = leaves.filter(({ kind }) => kind === 'change-asked')
    expect(asked.map(({ change }) => change)).toEqual(['stage', 'activate', 'rollback'])
    expect(leaves.filter(({ kind }) => kind === 'rolled-back').map(({ by }) => by)).toEqual([asked[0]?.client])
  }, 120_000)
})
