import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../../demo/site.ts'
import { verifierKeyText } from '../../device/checkpoint/signed-note.ts'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { loadVerifier } from '../../device/crypto/signing.ts'
import { news2Draft } from '../../models/news2/package.ts'
import { seededRandom } from '../../models/synthetic/seeded-random.ts'
import type { LogSite } from '../../runtime/audit/testkit/ledger-fixture.ts'
import { Attacker } from '../../runtime/audit/testkit/tamper.ts'
import { openQueue, type QueuePosition } from '../../runtime/egress/queue.ts'
import { Child } from '../../runtime/egress/testkit/child.ts'
import { DEVICE, EgressSite, SITE, until } from '../../runtime/egress/testkit/egress-site.ts'
import { markOf } from '../../runtime/egress/testkit/marked-rows.ts'
import { openDatabase } from '../../runtime/storage/database.ts'
import { createOutbox } from '../../runtime/storage/outbox.ts'
import { deviceLine } from '../../updater/operator/device-list.ts'
import { type DeviceView, type FleetReader, openFleetReader } from '../../updater/operator/reading.ts'
import {
  FleetCertificates as Certificates,
  type FleetCertificates,
  writeParty,
} from '../../updater/operator/testkit/fleet-certificates.ts'
import { Mosquitto } from '../../updater/operator/testkit/mosquitto.ts'
import { TestLog } from '../../updater/operator/testkit/test-device.ts'
import { type Appliance, clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'
import { verifySite } from './verify-site.ts'

const EGRESS = fileURLToPath(new URL('../../runtime/bin/egress.ts', import.meta.url))
const FLEET = fileURLToPath(new URL('../../updater/bin/wardstone-fleet.ts', import.meta.url))

/** A fleet's side in a folder: the list of devices, and collectors as the processes that they are. */
class FleetSide {
  readonly #folder: string
  readonly #certificates: FleetCertificates
  readonly #url: string

  constructor(folder: string, certificates: FleetCertificates, url: string, devices: string) {
    this.#folder = folder
    this.#certificates = certificates
    this.#url = url
    writeFileSync(this.path('devices.txt'), devices)
  }

  path(name: string): string {
    return `${this.#folder}/${name}`
  }

  async configure(collector: string, extra: object = {}): Promise<void> {
    writeParty(this.#folder, collector, await this.#certificates.issue(collector))
    const files = { authority: 'authority.pem', certificate: `${collector}.pem`, key: `${collector}.key` }
    const config = { collector, broker: this.#url, ...files, database: 'fleet.db', devices: 'devices.txt', ...extra }
    writeFileSync(this.path(`${collector}.json`), JSON.stringify(config))
  }

  serve(collector: string): Promise<Child> {
    const args = ['serve', '--config', this.path(`${collector}.json`), '--stop-with-parent']
    return Child.start(FLEET, args, /"event":"collecting"/)
  }

  read<T>(work: (reader: FleetReader) => T): T {
    const reader = openFleetReader(this.path('fleet.db'))
    try {
      return work(reader)
    } finally {
      reader.close()
    }
  }

  device(name: string): DeviceView | undefined {
    return this.read((reader) => reader.view(Date.now())).devices.find(({ device }) => device === name)
  }
}

describe('egress and the fleet manager, with a broker between them', () => {
  let site: EgressSite
  let broker: Mosquitto
  let fleet: FleetSide
  const running = new Map<string, Child>()
  const total = 2400
  const name = `${SITE}/${DEVICE}`

  beforeAll(async () => {
    site = await EgressSite.create()
    broker = await Mosquitto.start(site.folder, site.certificates)
    site.configure(Number(new URL(broker.url).port), { ackTimeoutMs: 400 })
    const { origin, verifier } = await TestLog.create('log.test/box-1')
    const line = deviceLine(name, verifierKeyText({ name: origin, publicKey: verifier.publicKey }))
    fleet = new FleetSide(site.folder, site.certificates, broker.url, line)
    for (const collector of ['fleet', 'fleet-2']) await fleet.configure(collector, { group: 'all' })
  })

  afterAll(async () => {
    for (const child of running.values()) await child.kill()
    await broker?.down('SIGKILL')
    site?.remove()
  })

  const starts: Readonly<Record<string, () => Promise<Child>>> = {
    egress: () => site.startEgress(),
    runtime: () => site.startRuntime(total, 500),
    fleet: () => fleet.serve('fleet'),
    'fleet-2': () => fleet.serve('fleet-2'),
  }
  async function start(process: string): Promise<void> {
    const begin = starts[process]
    if (begin !== undefined) running.set(process, await begin())
  }

  /** What stands in the queue of egress once the last acknowledgement has come, too: it may be on its way when egress stops. */
  async function drained(): Promise<QueuePosition> {
    for (let tries = 0; ; tries++) {
      const queue = openQueue({ path: site.path('egress.db'), randomness: systemRandomness, maxRecords: 1000 })
      const position = queue.position()
      queue.close()
      if (position.acked === position.last || tries === 10) return position
      await start('egress')
      await sleep(500)
      await running.get('egress')?.kill('SIGTERM')
    }
  }

  it('kill -9 of everything in turn, and the broker too: each record that was released is there, once', async () => {
    for (const process of Object.keys(starts)) await start(process)
    const random = seededRandom(23)
    const victims = ['fleet', 'egress', 'broker', 'fleet-2', 'runtime', 'broker', 'egress', 'fleet']
    for (const victim of victims) {
      await sleep(100 + random.integer(300))
      if (victim === 'broker') {
        await broker.down(random.integer(2) === 0 ? 'SIGKILL' : 'SIGTERM')
        await sleep(random.integer(400))
        await broker.up()
      } else {
        await running.get(victim)?.kill()
        await start(victim)
      }
    }
    await running.get('runtime')?.says(/^written$/m, 20_000)
    await until('all that was released', () => (fleet.device(name)?.stored ?? 0) >= total)
    const rows = fleet.read((reader) => [...reader.decisions(0, Date.now() + 60_000)])
    const marks = rows.map(({ record }) => markOf(record)).toSorted((a, b) => a - b)
    expect(marks).toEqual(Array.from({ length: total }, (_, mark) => mark))
    expect(new Set(rows.map(({ stream }) => stream)).size).toBe(1)
    expect(fleet.device(name)).toMatchObject({ state: 'online', missing: 0, findings: 0 })
    expect(fleet.device(name)?.condition).toMatchObject({ modelsActive: 2 })
  }, 40_000)

  it('and both ends agree: the outbox gave as many away, egress waits for nothing, the counts are those of an export', async () => {
    for (const process of ['egress', 'runtime']) expect(await running.get(process)?.kill('SIGTERM')).toBe(0)
    await until('the goodbye', () => fleet.device(name)?.how === 'stopped')
    const database = openDatabase({ path: site.path('runtime.db'), key: readFileSync(site.path('database.key')) })
    const outbox = createOutbox(database)
    expect([outbox.highest(), outbox.rows(0, 10)]).toEqual([total, []])
    database.close()
    expect(await drained()).toMatchObject({ last: total, acked: total })
    const exported = await Child.start(FLEET, ['export', '--config', fleet.path('fleet.json'), '--json'], /"records":/)
    expect(exported.words).toContain(`{"records":${total},"devices":{"${name}":${total}}`)
  })
})

describe('a box whose log was put back', () => {
  let site: Site
  let broker: Mosquitto
  let fleet: FleetSide
  let appliance: Appliance | undefined
  const children: Child[] = []
  const database = () => site.path('data/wardstone.db')
  /** The checkpoint that the box keeps beside its database: who can set back the whole disk takes it back as well. */
  const ownCheckpoint = () => site.path('log.checkpoint')
  const files = () => [...['', '-wal', '-shm'].map((end) => `${database()}${end}`), ownCheckpoint()]
  const copyOf = (path: string, copy: string) => `${path}.${copy}`
  const snapshot = (copy: string) => {
    for (const path of files().filter((each) => existsSync(each))) copyFileSync(path, copyOf(path, copy))
  }
  const putBack = (copy: string) => {
    for (const path of files()) {
      rmSync(path, { force: true })
      if (existsSync(copyOf(path, copy))) copyFileSync(copyOf(path, copy), path)
    }
  }

  beforeAll(async () => {
    site = await makeSite([news2Draft()])
    const folder = site.path('fleet')
    mkdirSync(folder, { mode: 0o700, recursive: true })
    const certificates = await Certificates.create()
    broker = await Mosquitto.start(folder, certificates)
    const { publicKey } = await loadVerifier(createCryptoProvider(), readFileSync(site.path('keys/log.pub'), 'utf8'))
    const line = deviceLine(
      `demo/${site.deviceId}`,
      verifierKeyText({ name: `wardstone.local/${site.deviceId}`, publicKey }),
    )
    fleet = new FleetSide(folder, certificates, broker.url, line)
    await fleet.configure('fleet')
    writeParty(folder, 'egress', await certificates.issue(site.deviceId))
    writeFileSync(fleet.path('catalogue.json'), '{"v":1,"models":[]}')
    const files = { key: 'egress.key', certificate: 'egress.pem', authority: 'authority.pem' }
    const config = {
      ...{ site: 'demo', device: site.deviceId, socket: '../run/egress.sock', queue: 'egress.db' },
      catalogue: 'catalogue.json',
      broker: { host: '127.0.0.1', port: Number(new URL(broker.url).port), ...files },
      limits: { reconnectMaxMs: 500 },
    }
    writeFileSync(fleet.path('egress.json'), JSON.stringify(config))
    const runtime = JSON.parse(readFileSync(site.path('runtime.json'), 'utf8')) as object
    writeFileSync(site.path('runtime.json'), JSON.stringify({ ...runtime, egress: { socket: 'run/egress.sock' } }))
    children.push(await fleet.serve('fleet'))
  })

  afterAll(async () => {
    await appliance?.stop()
    for (const child of children) await child.kill()
    await broker?.down('SIGKILL')
    if (site) removeSite(site)
  })

  /** Egress starts last: the first checkpoint that it sends is then the newest, and no time between two has to pass. */
  async function decide(count: number): Promise<void> {
    appliance = await startAppliance(site)
    const bedside = clientFor('bedside', site, appliance.url)
    for (let index = 0; index < count; index++)
      expect((await bedside.post('/v1/decisions', news2Body(`patient-${index}`))).status).toBe(200)
    bedside.close()
    children.push(await Child.start(EGRESS, ['--config', fleet.path('egress.json'), '--stop-with-parent']))
  }
  async function stop(): Promise<void> {
    expect(await appliance?.stop()).toBe(0)
    appliance = undefined
    expect(await children.pop()?.kill('SIGTERM')).toBe(0)
  }
  const view = () => fleet.device(`demo/${site.deviceId}`)
  /** The checkpoint that the fleet holds, as its operator takes it to the box. */
  async function kept(): Promise<string> {
    const args = ['checkpoints', `demo/${site.deviceId}`, '--config', fleet.path('fleet.json')]
    const child = await Child.start(FLEET, args, /\n— /)
    await child.ended
    writeFileSync(site.path('kept.txt'), child.words)
    return site.path('kept.txt')
  }

  it('is found out on the box with the checkpoint that the fleet holds, and by the fleet when it speaks again', async () => {
    await decide(6)
    await until('the first records', () => view()?.stored === 6)
    await until('a checkpoint', () => (view()?.checkpoint?.size ?? 0) > 6)
    await until('how the box fares', () => view()?.condition != null)
    await stop()
    snapshot('older')
    const before = view()?.checkpoint?.size ?? 0
    await decide(6)
    await until('more records', () => view()?.stored === 12)
    await until('the next checkpoint', () => (view()?.checkpoint?.size ?? 0) >= before + 6)
    await stop()
    const checkpoint = await kept()
    expect(verifySite(site, '--checkpoint', checkpoint)).toMatchObject({ code: 0 })
    snapshot('newest')

    putBack('older')
    expect(verifySite(site)).toMatchObject({ code: 0 })
    const rolledBack = verifySite(site, '--checkpoint', checkpoint)
    expect([rolledBack.code, rolledBack.out]).toEqual([15, expect.stringMatching(/^NOT SOUND: rolled back/)])

    putBack('newest')
    cutTail(before - 2)
    expect(verifySite(site)).toMatchObject({ code: 0 })
    const truncated = verifySite(site, '--checkpoint', checkpoint)
    expect([truncated.code, truncated.out]).toEqual([14, expect.stringMatching(/^NOT SOUND: truncated/)])

    // The older copy runs again: its rows would be taken for others, so none leaves; its checkpoint gives it away.
    putBack('older')
    await decide(1)
    await until('the finding', () =>
      fleet.read((reader) => reader.findings()).some(({ kind }) => /^checkpoint-(went-back|forked)$/.test(kind)),
    )
    expect(view()).toMatchObject({ stored: 12, checkpoint: { brokenSinceMs: expect.any(Number) } })
    expect(appliance?.words()).toContain('egress_outbox_behind')
    expect(readFileSync(await kept(), 'utf8')).toBe(readFileSync(checkpoint, 'utf8'))
  }, 180_000)

  /** Leaves, records and checkpoints behind a size are gone, and what is derived from them was made anew. */
  function cutTail(size: number): void {
    rmSync(ownCheckpoint())
    const attacker = new Attacker({
      path: database(),
      key: readFileSync(site.path('keys/database.key')),
    } as unknown as LogSite)
    attacker.run('DELETE FROM bodies WHERE idx >= ?', size)
    attacker.run('DELETE FROM leaves WHERE idx >= ?', size)
    attacker.run('DELETE FROM checkpoints WHERE size > ?', size)
    const leaves = attacker.leaves().map(({ leaf }) => leaf)
    attacker.rewrite(leaves, { sequence: false, chain: true })
    attacker.leave()
  }
})
