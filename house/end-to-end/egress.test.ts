import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { openCheckpoint } from '../../device/checkpoint/checkpoint.ts'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { loadVerifier } from '../../device/crypto/signing.ts'
import { checkpointNote, encodeAck } from '../../device/outbound/messages.ts'
import { topicOf } from '../../device/outbound/topics.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import { Child } from '../../runtime/egress/testkit/child.ts'
import { Collector } from '../../runtime/egress/testkit/collector.ts'
import { until } from '../../runtime/egress/testkit/egress-site.ts'
import { MaliciousBroker } from '../../runtime/egress/testkit/malicious-broker.ts'
import { FleetCertificates, writeParty } from '../../updater/operator/testkit/fleet-certificates.ts'
import { type Appliance, clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'

const EGRESS = fileURLToPath(new URL('../../runtime/bin/egress.ts', import.meta.url))

/** What must never be seen: a name, a record number, a date of birth, a sentence, each in every place that takes text. */
const canaries = ['Mustermann', 'MRN-20931177', '1957-03-14', 'sepsis after surgery', 'Wyszynska']

let site: Site
let appliance: Appliance
let egress: Child
let broker: MaliciousBroker
let collector: Collector
let bedside: ApiClient
let clinician: ApiClient
let engineer: ApiClient

/** Where every process of this test is to put what it holds for a moment only. */
const temporary = mkdtempSync(join(tmpdir(), 'wardstone-temporary-'))
const usual = process.env.TMPDIR

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  process.env.TMPDIR = temporary
  const certificates = await FleetCertificates.create()
  const folder = site.path('fleet')
  mkdirSync(folder, { mode: 0o700 })
  writeParty(folder, 'egress', await certificates.issue(site.deviceId))
  broker = await MaliciousBroker.start(await certificates.issue('broker', 'server'), () => [0])
  collector = new Collector(broker.url, await certificates.issue('fleet'), 4)
  const { version, releaseCounter: release } = news2Draft().manifest
  writeFileSync(
    site.path('fleet/catalogue.json'),
    JSON.stringify({ v: 1, models: [{ number: 9, model: 'news2', release, version }] }),
  )
  const config = {
    site: 'demo',
    device: site.deviceId,
    socket: '../run/egress.sock',
    queue: 'egress.db',
    catalogue: 'catalogue.json',
    broker: {
      host: '127.0.0.1',
      port: broker.port,
      key: 'egress.key',
      certificate: 'egress.pem',
      authority: 'authority.pem',
    },
    limits: { ackTimeoutMs: 1000, reconnectMaxMs: 500 },
  }
  writeFileSync(site.path('fleet/egress.json'), JSON.stringify(config))
  const runtime = JSON.parse(readFileSync(site.path('runtime.json'), 'utf8')) as object
  writeFileSync(site.path('runtime.json'), JSON.stringify({ ...runtime, egress: { socket: 'run/egress.sock' } }))
  appliance = await startAppliance(site)
  bedside = clientFor('bedside', site, appliance.url)
  clinician = clientFor('clinician', site, appliance.url)
  engineer = clientFor('engineer', site, appliance.url)
})

afterAll(async () => {
  bedside?.close()
  clinician?.close()
  engineer?.close()
  await collector?.close()
  await egress?.kill()
  await appliance?.stop()
  await broker?.close()
  if (site) removeSite(site)
  if (usual === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = usual
  rmSync(temporary, { recursive: true, force: true })
})

/** Every file below a folder, by its path. */
function filesUnder(folder: string): Record<string, Buffer> {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    found.map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name))]),
  )
}

/** A decision, and a word of the clinician on it, with a canary wherever a text is taken. */
async function visit(canary: string): Promise<number> {
  const { status, body } = await bedside.post('/v1/decisions', news2Body(canary))
  expect(status).toBe(200)
  const { decisionId } = (body as DecisionAnswer).decision
  const reason = { verdict: 'override', reason: `${canary} says no` }
  expect((await clinician.post(`/v1/decisions/${decisionId}/feedback`, reason)).status).toBe(200)
  return 2
}

/** Requests that go wrong, each with a canary in the part that is wrong. @returns how many of them were refusals on record */
async function faults(canary: string): Promise<number> {
  const inputs = { temperature: { value: canary, unit: 'Cel' } }
  const asked = [
    news2Body(canary, inputs),
    news2Body(canary, { temperature: { value: 37, unit: canary } }),
    news2Body(canary, { [canary]: { value: 1 } }),
    news2Body(canary, { consciousness: { value: canary } }),
    { ...news2Body(canary), model: canary },
    { ...news2Body(canary), note: canary },
    { ...news2Body(canary), purpose: canary },
  ]
  let onRecord = 0
  for (const each of asked) {
    const { body } = await bedside.post('/v1/decisions', each)
    if (typeof body === 'object' && body !== null && 'decision' in body) onRecord += 1
  }
  await bedside.get(`/v1/decisions/${encodeURIComponent(canary)}`)
  await bedside.get(`/v1/${encodeURIComponent(canary)}?subject=${encodeURIComponent(canary)}`)
  return onRecord
}

function expectNowhere(where: Record<string, Buffer | string>): void {
  const words = [...canaries, ...canaries.map((each) => Buffer.from(each).toString('base64').slice(0, -3))]
  const found = Object.entries(where).flatMap(([place, bytes]) =>
    words.filter((word) => bytes.includes(word)).map((word) => `${place}: ${word}`),
  )
  expect(found).toEqual([])
}

describe('a box and its fleet', () => {
  it('nothing that identifies a patient is in a byte to the broker, in a file of egress or in a log', {
    timeout: 60_000,
  }, async () => {
    let expected = 0
    // Before there is any egress, and with it.
    for (const canary of canaries.slice(0, 2)) expected += (await visit(canary)) + (await faults(canary))
    egress = await Child.start(EGRESS, ['--config', site.path('fleet/egress.json')])
    for (const canary of canaries.slice(2)) expected += (await visit(canary)) + (await faults(canary))
    const ack = topicOf('demo', site.deviceId, 'decisions/ack')
    for (const canary of canaries) await broker.say(ack, `{"v":1,"stream":"${canary}","through":1}`)
    await broker.say(ack, encodeAck({ v: 1, stream: 0, through: 0 }))
    await until(`${expected} records`, () => collector.records.length >= expected)
    await until('a checkpoint', () => collector.checkpoints.length > 0)
    await until('how the box fares', () =>
      collector.states.some((each) => each.status === 'online' && each.device !== null),
    )
    expect(collector.records.length).toBe(expected)
    expect(collector.faults).toEqual([])
    expect(new Set(collector.records.map(({ model }) => model))).toEqual(new Set([9]))
    expect(collector.records.filter(({ feedback }) => feedback === 'overridden').length).toBe(canaries.length)
    const queue = readdirSync(site.path('fleet')).filter((name) => name.startsWith('egress.db'))
    // What an engineer and a monitoring system read of the box.
    const told = await Promise.all(['/v1/health', '/v1/models', '/v1/device'].map((path) => engineer.get(path)))
    expectNowhere({
      'health, models and device': JSON.stringify(told),
      ...filesUnder(temporary),
      ...filesUnder(site.path('data')),
      wire: broker.heard(),
      'log of egress': egress.words,
      'log of the runtime': appliance.words(),
      ...Object.fromEntries(queue.map((name) => [name, readFileSync(site.path(`fleet/${name}`))])),
    })
    // The tap does hear what is sent.
    expect(broker.heard().includes('"latency":"under-')).toBe(true)
    expect(queue.length).toBeGreaterThan(0)
  })

  it('the checkpoint that arrives is the one the log has signed', async () => {
    const newest = collector.checkpoints.at(-1)!
    const origin = `wardstone.local/${site.deviceId}`
    const verifier = await loadVerifier(createCryptoProvider(), readFileSync(site.path('keys/log.pub'), 'utf8'))
    const { size } = await openCheckpoint(checkpointNote(origin, newest), verifier, origin)
    expect(size).toBe(newest.size)
    expect(size).toBeGreaterThan(10)
  })

  it('egress has no file of the runtime open', () => {
    const folder = `/proc/${egress.process.pid}/fd`
    const open = readdirSync(folder).flatMap((fd) => {
      try {
        return [readlinkSync(`${folder}/${fd}`)]
      } catch {
        return []
      }
    })
    expect(open.filter((path) => path.startsWith(site.path('fleet/egress.db'))).length).toBeGreaterThan(0)
    expect(open.filter((path) => path.startsWith(site.root) && !path.startsWith(site.path('fleet/')))).toEqual([])
  })
})
