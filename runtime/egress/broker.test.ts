import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startBroker } from '../../demo/broker.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { encodeAck } from '../../device/outbound/messages.ts'
import { topicOf } from '../../device/outbound/topics.ts'
import { seededRandom } from '../../models/synthetic/seeded-random.ts'
import { FleetCertificates } from '../../updater/operator/testkit/fleet-certificates.ts'
import { Mosquitto } from '../../updater/operator/testkit/mosquitto.ts'
import { openQueue, type QueuePosition } from './queue.ts'
import type { Child } from './testkit/child.ts'
import { Collector } from './testkit/collector.ts'
import { DEVICE, EgressSite, SITE, until } from './testkit/egress-site.ts'
import { MaliciousBroker, type Treatment } from './testkit/malicious-broker.ts'
import { markOf } from './testkit/marked-rows.ts'

let site: EgressSite
let collector: Collector
const open: { close(): Promise<unknown> }[] = []

beforeEach(async () => {
  site = await EgressSite.create()
})

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
  site.remove()
})

function closeLater<T>(thing: T, close: (thing: T) => Promise<unknown>): T {
  open.push({ close: () => close(thing) })
  return thing
}

const keep = async (starting: Promise<Child>): Promise<Child> => closeLater(await starting, (child) => child.kill())

function listen(url: string, version: 4 | 5 = 5, party = site.fleet): Collector {
  return closeLater(new Collector(url, party, version), (each) => each.close())
}

async function mosquitto(): Promise<Mosquitto> {
  const broker = closeLater(await Mosquitto.start(site.folder, site.certificates), (each) => each.down('SIGKILL'))
  site.configure(Number(new URL(broker.url).port))
  return broker
}

async function malicious(treat: Treatment): Promise<MaliciousBroker> {
  const broker = closeLater(await MaliciousBroker.start(site.broker, treat), (each) => each.close())
  site.configure(broker.port)
  collector = listen(broker.url, 4)
  return broker
}

/** What stands in the queue file while no process has it. */
function queuePosition(): QueuePosition {
  const queue = openQueue({ path: site.path('egress.db'), randomness: systemRandomness, maxRecords: 1_000_000 })
  try {
    return queue.position()
  } finally {
    queue.close()
  }
}

/** Every row that was released, once: neither lost nor counted twice. */
function expectEach(total: number): void {
  const marks = collector.records.map(markOf).sort((a, b) => a - b)
  expect(marks).toEqual(Array.from({ length: total }, (_, mark) => mark))
  expect(collector.faults).toEqual([])
  expect(collector.streams.size).toBe(1)
}

const arrived = (total: number, limitMs = 20_000) =>
  until(`${total} records`, () => collector.records.length >= total, limitMs)

describe('with mosquitto', () => {
  it('speaks version 5: rows leave, the birth is retained, a kill leaves the last will, a stop says goodbye', async () => {
    const broker = await mosquitto()
    collector = listen(broker.url)
    const egress = await keep(site.startEgress())
    await keep(site.startRuntime(300, 2000))
    await arrived(300)
    expectEach(300)
    expect(egress.words).toMatch(/egress-connected.*"version":5/)
    await until('how the box fares', () =>
      collector.states.some((state) => state.status === 'online' && state.device?.modelsActive === 2),
    )
    expect(collector.states[0]).toMatchObject({ status: 'online', boot: 1 })
    await egress.kill('SIGKILL')
    await until('the last will', () => collector.states.at(-1)?.status === 'offline')
    expect(collector.states.at(-1)).toMatchObject({ how: 'lost', boot: 1 })
    const again = await keep(site.startEgress())
    await until('the next birth', () => collector.states.at(-1)?.status === 'online')
    expect(collector.states.at(-1)).toMatchObject({ boot: 2, last: 300 })
    const late = listen(broker.url, 5, await site.certificates.issue('fleet-2'))
    await until('the retained birth', () => late.states.length > 0)
    expect(late.states[0]).toMatchObject({ status: 'online', boot: 2 })
    expect(await again.kill('SIGTERM')).toBe(0)
    await until('a goodbye', () => collector.states.at(-1)?.status === 'offline')
    expect(collector.states.at(-1)).toMatchObject({ how: 'stopped', boot: 2 })
  })

  it('a broker that is away, and kill -9 of egress, runtime and broker at random moments: each row once', async () => {
    const total = 2700
    const random = seededRandom(7)
    const broker = await mosquitto()
    await broker.down('SIGTERM')
    collector = listen(broker.url)
    let egress = await keep(site.startEgress())
    let runtime = await keep(site.startRuntime(total, 500))
    // All of this traffic meets no broker at all.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await broker.up()
    for (let round = 0; round < 9; round++) {
      await new Promise((resolve) => setTimeout(resolve, 100 + random.integer(500)))
      const victim = round % 3
      if (victim === 0) {
        await egress.kill()
        egress = await keep(site.startEgress())
      } else if (victim === 1) {
        await runtime.kill()
        runtime = await keep(site.startRuntime(total, 500))
      } else {
        await broker.down('SIGKILL')
        await new Promise((resolve) => setTimeout(resolve, random.integer(300)))
        await broker.up()
      }
    }
    await runtime.says(/^written$/m, 20_000)
    await arrived(total)
    expectEach(total)
  }, 60_000)

  it('a queue file that was put back from an older copy: each row once, under a stream of its own from then on', async () => {
    const broker = await mosquitto()
    collector = listen(broker.url)
    const run = async (total: number) => {
      const children = [await keep(site.startEgress()), await keep(site.startRuntime(total, 5000))]
      await arrived(total)
      for (const child of children) expect(await child.kill('SIGTERM')).toBe(0)
    }
    await run(300)
    copyFileSync(site.path('egress.db'), site.path('copy'))
    await run(600)
    for (const end of ['', '-wal', '-shm']) rmSync(site.path(`egress.db${end}`), { force: true })
    copyFileSync(site.path('copy'), site.path('egress.db'))
    await run(900)
    expect(collector.records.map(markOf).sort((a, b) => a - b)).toEqual(Array.from({ length: 900 }, (_, mark) => mark))
    expect([...collector.streams.values()].map((records) => records.size)).toEqual([600, 300])
    expect(collector.faults).toEqual([])
  })

  it('refuses a device that speaks for another, and one without a certificate of this fleet', async () => {
    const broker = await mosquitto()
    collector = listen(broker.url)
    const other = await site.certificates.issue('box-2')
    writeFileSync(site.path('egress.key'), other.key)
    writeFileSync(site.path('egress.pem'), other.cert)
    const egress = await keep(site.startEgress())
    await keep(site.startRuntime(10, 1000))
    expect(egress.words).toContain('egress-certificate-of-another-name')
    await egress.says(/egress-(send-failed|disconnected)/, 10_000)
    expect(collector.records).toEqual([])
    expect(collector.states).toEqual([])
    await egress.kill()
    const stranger = await (await FleetCertificates.create('Another authority')).issue(DEVICE)
    writeFileSync(site.path('egress.key'), stranger.key)
    writeFileSync(site.path('egress.pem'), stranger.cert)
    const again = await keep(site.startEgress())
    await again.says(/egress-connect-failed[^\n]*egress_connection_failed/, 10_000)
    expect(collector.states).toEqual([])
  })
})

describe('with a broker of version 3.1.1', () => {
  it('falls back, and everything works', async () => {
    const { key, cert, ca } = site.broker
    const options = { tls: { key, certificate: cert, clientAuthority: ca }, port: 0 }
    const broker = closeLater(await startBroker(options), (each) => each.close())
    site.configure(broker.port)
    collector = listen(`mqtts://127.0.0.1:${broker.port}`, 4)
    const egress = await keep(site.startEgress())
    await keep(site.startRuntime(500, 5000))
    await arrived(500)
    expectEach(500)
    expect(egress.words).toMatch(/egress-connected.*"version":4/)
    expect(await egress.kill('SIGTERM')).toBe(0)
    await until('a goodbye', () => collector.states.at(-1)?.status === 'offline')
  })
})

describe('with a malicious broker', () => {
  it('one that accepts and forgets loses nothing', async () => {
    await malicious((_topic, count) => (count < 6 ? [] : [0]))
    const egress = await keep(site.startEgress())
    await keep(site.startRuntime(1000, 5000))
    await arrived(1000)
    expectEach(1000)
    expect(egress.words).toContain('egress-resending')
  })

  it('one that repeats and reorders makes nothing count twice', async () => {
    const random = seededRandom(11)
    await malicious(() => Array.from({ length: 1 + random.integer(3) }, () => random.integer(400)))
    await keep(site.startEgress())
    await keep(site.startRuntime(2000, 2000))
    await arrived(2000)
    await new Promise((resolve) => setTimeout(resolve, 600))
    expectEach(2000)
    expect(collector.duplicates).toBeGreaterThan(0)
  })

  it('one that says what it likes changes nothing, and a retained acknowledgement is dropped', async () => {
    const broker = await malicious(() => [0])
    collector.isAcknowledging = false
    const ackTopic = topicOf(SITE, DEVICE, 'decisions/ack')
    const egress = await keep(site.startEgress())
    await keep(site.startRuntime(200, 5000))
    await arrived(200)
    const [stream = 0] = collector.streams.keys()
    const ack = (through: number, of = stream) => encodeAck({ v: 1, stream: of, through })
    await broker.say(ackTopic, ack(200, (stream + 1) % 2 ** 32))
    await broker.say(ackTopic, ack(201))
    await broker.say(ackTopic, 'x'.repeat(10_000))
    await broker.say(ackTopic, Buffer.alloc(200, 0xff))
    await broker.say(topicOf(SITE, 'box-2', 'decisions/ack'), ack(200))
    await new Promise((resolve) => setTimeout(resolve, 200))
    await egress.kill()
    expect(egress.words.match(/egress-acknowledged-beyond/g)?.length).toBe(1)
    expect(queuePosition()).toMatchObject({ last: 200, acked: 0 })
    // The retained acknowledgement waits for the next start: it could be from any time, so it is not one.
    await broker.say(ackTopic, ack(200), true)
    const held = collector.duplicates
    const again = await keep(site.startEgress())
    await until('all of it again', () => collector.duplicates >= held + 4)
    collector.isAcknowledging = true
    await again.says(/egress-resending/, 10_000)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await again.kill('SIGTERM')).toBe(0)
    expect(again.words).toContain('egress-messages-dropped')
    expect(queuePosition()).toMatchObject({ last: 200, acked: 200 })
    expectEach(200)
  })
})
