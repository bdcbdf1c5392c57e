import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import { egressCommand, managerCommand, writeFleetConfigurations } from '../../demo/fleet-config.ts'
import { openFleetFolder } from '../../demo/fleet-folder.ts'
import type { Site } from '../../demo/site.ts'
import { updaterCommand, writeUpdaterConfiguration } from '../../demo/updater-process.ts'
import { offerUpdates, updateNames, updatesOf } from '../../demo/updates.ts'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { HealthReport, ModelSummary } from '../../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import { Child } from '../../runtime/egress/testkit/child.ts'
import { until } from '../../runtime/egress/testkit/egress-site.ts'
import { MaliciousBroker } from '../../runtime/egress/testkit/malicious-broker.ts'
import { openFleetReader } from '../../updater/operator/reading.ts'
import { type Appliance, clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'
import { leavesOf } from './testkit/model-store.ts'

const WARDSTONE = fileURLToPath(new URL('../../runtime/bin/wardstone.ts', import.meta.url))
const LANES = 4
const PATIENT = 'Mustermann-1957-03-14'

let site: Site
let appliance: Appliance
let bedside: ApiClient
let engineer: ApiClient
let broker: MaliciousBroker
let releases: Server
/** Egress, the updater and the fleet manager. */
const others: Child[] = []

const fleetText = (name: string) => readFileSync(site.path(`fleet/${name}`), 'utf8')

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  const tools = { provider: createCryptoProvider(), randomness: systemRandomness }
  await openFleetFolder(site, tools.provider)
  await offerUpdates(site, news2Draft(), tools)
  const tls = { key: fleetText('broker.key'), cert: fleetText('broker.pem'), ca: fleetText('authority.pem') }
  broker = await MaliciousBroker.start(tls, () => [0])
  releases = await releaseServer(tls)
  writeFleetConfigurations(site, [news2Draft(), ...updatesOf(news2Draft())], broker.port, {
    ackTimeoutMs: 1000,
    reconnectMaxMs: 300,
  })
  writeUpdaterConfiguration(site)
  const updater = JSON.parse(readFileSync(site.path('updater.json'), 'utf8')) as object
  writeFileSync(site.path('updater.json'), JSON.stringify({ ...updater, https: { authority: 'fleet/authority.pem' } }))
  for (const [entry = '', ...args] of [managerCommand(site), egressCommand(site), updaterCommand(site)])
    others.push(await Child.start(entry, args))
  appliance = await startAppliance(site)
  bedside = clientFor('bedside', site, appliance.url)
  engineer = clientFor('engineer', site, appliance.url)
})

afterAll(async () => {
  bedside?.close()
  engineer?.close()
  releases?.close()
  await appliance?.stop()
  for (const each of others) await each.kill()
  await broker?.close()
  if (site) removeSite(site)
})

/** The fleet's server of releases: a folder over HTTPS. */
async function releaseServer(tls: { key: string; cert: string }): Promise<Server> {
  const server = createServer(tls, (request, response) => {
    const path = new URL(request.url ?? '/', 'https://none').pathname
    response.end(readFileSync(site.path(join('updates', path))))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

interface CommandResult {
  readonly code: number
  readonly words: string
}

/** `wardstone model install https://…`, as an operator types it. */
function install(name: string): Promise<CommandResult> {
  const url = `https://127.0.0.1:${(releases.address() as AddressInfo).port}/${name}`
  const args = [WARDSTONE, 'model', 'install', url, '--site', site.root]
  return new Promise((resolve) =>
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), words: stdout + stderr })
    }),
  )
}

/** Bedside devices that ask all the time; what they were answered, and by which version. */
function askAllTheTime(): { stop(): Promise<{ failed: unknown[]; versions: string[] }> } {
  const failed: unknown[] = []
  const versions: string[] = []
  let isStopping = false
  const lane = async (number: number) => {
    while (!isStopping) {
      const { status, body } = await bedside.post('/v1/decisions', news2Body(`${PATIENT}-${number}`))
      if (status === 200) versions.push((body as DecisionAnswer).decision.model.version)
      else failed.push(body)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const lanes = Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))
  return {
    stop: async () => {
      isStopping = true
      await lanes
      return { failed, versions }
    },
  }
}

/** Everything under the store but the records of jobs, which say what was done. */
function storeFiles(): string[] {
  const names = readdirSync(site.path('store'), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => !/^jobs\/[0-9a-f]{16}(\/job\.json)?$/.test(name)).sort()
}

describe('a box whose fleet stands behind a broker that comes and goes', () => {
  it('takes a model, proves it, and brings it live without a failed request; a bad one leaves its leaf and nothing else', {
    timeout: 90_000,
  }, async () => {
    const asking = askAllTheTime()
    const cutting = setInterval(() => broker.cut(), 700)
    const arrived = await install(updateNames.next)
    expect(arrived).toMatchObject({ code: 0 })
    expect(arrived.words).toContain('news2 1.0.1 runs')
    const before = storeFiles()
    const targets = readFileSync(site.path('store/image.json'))
    const refused = [await install(updateNames.unfit), await install(updateNames.tampered)]
    const { failed, versions } = await asking.stop()
    clearInterval(cutting)

    expect(failed).toEqual([])
    // From some request on it was the new one, and it stayed so but for answers that were under way.
    expect([versions[0], versions.at(-1)]).toEqual(['1.0.0', '1.0.1'])
    expect(versions.lastIndexOf('1.0.0') - versions.indexOf('1.0.1')).toBeLessThan(LANES)

    expect(refused.map(({ code }) => code)).toEqual([1, 1])
    expect(refused[0]?.words).toContain('[inference_self_test_failed]')
    expect(refused[1]?.words).toContain('[package_chunk_corrupt]')
    expect(storeFiles()).toEqual(before)
    expect(readFileSync(site.path('store/image.json')).equals(targets)).toBe(true)
    const { faults } = (await engineer.get('/v1/health')).body as HealthReport
    const { models } = (await engineer.get('/v1/models')).body as { models: ModelSummary[] }
    expect(models).toMatchObject([{ slot: 'news2', state: 'active', version: '1.0.1' }])
    expect(faults.filter((fault) => fault.startsWith('news2'))).toEqual([])

    const fleet = openFleetReader(site.path('fleet/fleet.db'))
    await until('the fleet has every decision', () => fleet.view(Date.now()).stored >= versions.length)
    const stored = [...fleet.decisions(0, Date.now() + 1000)]
    // Numbers of the fleet's catalogue: the release that ran, then the one that came.
    const byModel = Object.groupBy(stored, ({ record }) => String(record.model))
    expect(Object.entries(byModel).map(([model, records]) => [model, records?.length])).toEqual([
      ['1', versions.filter((version) => version === '1.0.0').length],
      ['2', versions.filter((version) => version === '1.0.1').length],
    ])
    expect(fleet.findings()).toEqual([])
    fleet.close()

    // Whoever listens on the wire, and whoever reads the updater's or egress's words, learns nothing of a patient.
    const heard = [broker.heard().toString('latin1'), ...others.map(({ words }) => words), appliance.words()]
    const canaries = ['Mustermann', '1957-03-14']
    expect(heard.map((words) => canaries.filter((canary) => words.includes(canary)))).toEqual(heard.map(() => []))
    expect(broker.heard().includes('"latency":"under-')).toBe(true)
  })

  it('has one leaf for what went live and one for each refusal, with its reason and who asked', async () => {
    await appliance.stop()
    const leaves = leavesOf(site).filter(({ kind }) => ['activated', 'package-refused', 'rolled-back'].includes(kind))
    expect(leaves.map(({ kind, version, code }) => [kind, version ?? code])).toEqual([
      ['activated', '1.0.0'],
      ['activated', '1.0.1'],
      ['package-refused', 'inference_self_test_failed'],
      ['package-refused', 'package_chunk_corrupt'],
    ])
    expect(leaves.slice(1).every(({ by }) => typeof by === 'string' && by !== '')).toBe(true)
  })
})
