import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FleetCertificates } from './testkit/fleet-certificates.ts'
import { FleetFolder, kill, until } from './testkit/fleet-folder.ts'
import { rawBroker } from './testkit/raw-broker.ts'
import { recordOf, type TestDevice } from './testkit/test-device.ts'

const NORTH = 'north/box-1'
const SOUTH = 'south/box-2'

let fleet: FleetFolder
beforeEach(async () => {
  fleet = await FleetFolder.create([NORTH, SOUTH])
})
afterEach(() => fleet.remove())

/** Every record of a device, once, with the content it was given. */
function expectAllOnce(device: TestDevice): void {
  const name = `${device.site}/${device.name}`
  const rows = fleet.read((reader) => [...reader.decisions(0, Date.now() + 1)].filter((row) => row.device === name))
  const bySequence = rows.toSorted((a, b) => a.sequence - b.sequence)
  expect(bySequence.map((row) => row.sequence)).toEqual(Array.from({ length: device.last }, (_, index) => index + 1))
  expect(bySequence.map((row) => row.record)).toEqual(bySequence.map((row) => recordOf(row.sequence)))
}

const viewOf = (name: string) =>
  fleet.read((reader) => reader.view(Date.now())).devices.find((row) => row.device === name)

describe.each([5, 4] as const)('a collector over MQTT %i', (protocol) => {
  it('stores what a device sends once, acknowledges it, and knows whether the device is there', async () => {
    await fleet.serve(await fleet.configure('fleet', { protocol }))
    const device = await fleet.device(NORTH, 7, protocol)
    device.add(500)
    await until('acknowledged', () => device.acked === 500)
    expectAllOnce(device)
    expect(viewOf(NORTH)).toMatchObject({ state: 'online', boot: 1, stored: 500, waiting: 0, missing: 0, findings: 0 })
    await device.close()
    await until('lost', () => viewOf(NORTH)?.how === 'lost')
    await fleet.device(NORTH, 7, protocol)
    await until('back again', () => viewOf(NORTH)?.state === 'online')
  })

  it('several collectors divide the decisions, and together count each once', async () => {
    const collectors = await Promise.all([
      fleet.serve(await fleet.configure('fleet', { protocol, group: 'all' })),
      fleet.serve(await fleet.configure('fleet-2', { protocol, group: 'all' })),
    ])
    const devices = [await fleet.device(NORTH, 1, protocol), await fleet.device(SOUTH, 2, protocol)]
    for (const device of devices) device.add(1500)
    await until('acknowledged', () => devices.every((device) => device.acked === device.last))
    devices.forEach(expectAllOnce)
    expect(await Promise.all(collectors.map(({ child }) => kill(child, 'SIGTERM')))).toEqual([0, 0])
    // States go to both, decisions to one of them each.
    const shares = collectors.map(({ words }) => Number(/"messages":(\d+)/.exec(words())?.[1]))
    expect(Math.min(...shares)).toBeGreaterThan(10)
    // One of them alone still takes everything.
    await fleet.serve(fleet.path('fleet-2.json'))
    for (const device of devices) device.add(300)
    await until('acknowledged by the one', () => devices.every((device) => device.acked === device.last))
    devices.forEach(expectAllOnce)
  })
})

describe('a collector that is killed, and a broker that comes and goes,', () => {
  it('lose nothing and count nothing twice', async () => {
    const configs = [
      await fleet.configure('fleet', { group: 'all' }),
      await fleet.configure('fleet-2', { group: 'all' }),
    ]
    const collectors = await Promise.all(configs.map((config) => fleet.serve(config)))
    const devices = [await fleet.device(NORTH, 1), await fleet.device(SOUTH, 2)]
    const acked = () => devices.reduce((sum, device) => sum + device.acked, 0)
    for (let round = 0; round < 6; round += 1) {
      const before = acked()
      for (const device of devices) device.add(700)
      // In the middle of it: something of this round is acknowledged, and more is on its way.
      await until('progress', () => acked() > before)
      if (round % 3 === 2) {
        await fleet.broker.down('SIGKILL')
        await sleep(100)
        await fleet.broker.up()
      }
      const at = round % configs.length
      const victim = collectors[at]
      if (victim !== undefined) await kill(victim.child)
      collectors[at] = await fleet.serve(configs[at] ?? '', { ready: false })
    }
    await until('acknowledged', () => devices.every((device) => device.acked === device.last))
    devices.forEach(expectAllOnce)
    expect(fleet.read((reader) => reader.findings())).toEqual([])
  }, 90_000)

  it('believe no broker that another authority vouches for', async () => {
    const other = await FleetCertificates.create('Another authority')
    writeFileSync(fleet.path('other.pem'), other.authorityPem)
    const config = await fleet.configure('fleet', { authority: 'other.pem' })
    const { words } = await fleet.serve(config, { ready: false })
    await until('a fault', () => words().includes('"event":"broker_fault"'))
    expect(words()).toMatch(/"code":"(SELF_SIGNED|UNABLE_TO|CERT|DEPTH)[A-Z_]+"/)
    expect(words()).not.toContain('"event":"connected"')
  })

  const odd = [
    ['that has expired', { nowMs: Date.now() - 30 * 86_400_000 }, 'CERT_HAS_EXPIRED'],
    ['of another host', { hosts: { dnsNames: ['elsewhere.test'], ipAddresses: [] } }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ] satisfies [string, Parameters<FleetCertificates['issue']>[2], string][]
  it.each(odd)('believe no certificate %s, and tell it nothing', async (_what, fault, code) => {
    let heard = 0
    const broker = await rawBroker(await fleet.certificates.issue('broker', 'server', fault), () => {
      heard += 1
    })
    const config = await fleet.configure('fleet', { broker: `mqtts://127.0.0.1:${broker.port}` })
    const { words, child } = await fleet.serve(config, { ready: false })
    await until('a fault', () => words().includes(`"code":"${code}"`))
    await kill(child)
    await broker.close()
    expect([heard, words().includes('"event":"connected"')]).toEqual([0, false])
  })

  it('read no packet beyond the bound, whatever a broker promises, and come back', async () => {
    const broker = await rawBroker(await fleet.certificates.issue('broker', 'server'), (socket) => {
      socket.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]))
      const timer = setInterval(() => socket.write(Buffer.alloc(1_048_576)), 1)
      socket.on('close', () => clearInterval(timer))
    })
    const config = await fleet.configure('fleet', { broker: `mqtts://127.0.0.1:${broker.port}` })
    const { words, child } = await fleet.serve(config, { ready: false })
    await until('the end of it', () => words().includes('"event":"broker_hostile"'))
    await until('a second try', () => broker.connections() >= 2)
    const kib = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1])
    expect(kib).toBeLessThan(250_000)
    expect(child.exitCode).toBe(null)
    await broker.close()
  })

  it('show the certificate that lies on the disk at the next connection', async () => {
    const config = await fleet.configure('fleet')
    const { words } = await fleet.serve(config)
    // Between the two halves of a renewal the old ones are shown.
    const { key, cert } = await fleet.certificates.issue('fleet-2')
    writeFileSync(fleet.path('fleet.key'), key)
    const connected = () => words().match(/"event":"connected"/g)?.length ?? 0
    const again = async () => {
      const before = connected()
      await fleet.broker.down()
      await fleet.broker.up()
      await until('connected', () => connected() > before)
    }
    await again()
    expect(words()).toContain('"event":"certificate_unusable"')
    writeFileSync(fleet.path('fleet.pem'), cert)
    await again()
    await until('known under the new name', () => fleet.broker.words.includes("u'fleet-2'"))
  })

  it('a database that is new takes up where the device was acknowledged before', async () => {
    const device = await fleet.device(NORTH, 9)
    device.add(100)
    device.acked = 60
    device.cut()
    await sleep(300)
    await fleet.serve(await fleet.configure('fleet'))
    await until('acknowledged', () => device.acked === 100)
    expect(viewOf(NORTH)).toMatchObject({ stored: 40, missing: 60, waiting: 0 })
  })
})

describe('checkpoints', () => {
  const findings = () => fleet.read((reader) => reader.findings()).map(({ kind }) => kind)
  const sizes = () => fleet.read((reader) => reader.checkpoints(NORTH)).map(({ size }) => size)

  it('are kept while they grow; one of a smaller or another log is refused, and the history stands', async () => {
    const [log, other] = [fleet.logs.get(NORTH), fleet.logs.get(SOUTH)]
    if (log === undefined || other === undefined) throw new Error('no log')
    await fleet.serve(await fleet.configure('fleet'))
    const device = await fleet.device(NORTH, 1)
    for (const size of [3, 8, 8, 12]) await device.checkpoint(log, size)
    await until('history', () => sizes().length === 3)
    await device.checkpoint(other, 20)
    await until('refused', () => findings().includes('checkpoint-unsigned'))
    await device.checkpoint(log, 9)
    await until('refused', () => findings().includes('checkpoint-went-back'))
    // Having grown past the old size again does not heal it.
    await device.checkpoint(log, 13)
    await until('withheld', () => findings().includes('checkpoint-withheld'))
    await device.checkpoint(log, 12, 1)
    await until('refused', () => findings().includes('checkpoint-forked'))
    expect(sizes()).toEqual([12, 8, 3])
    expect(viewOf(NORTH)?.checkpoint).toMatchObject({ size: 12, brokenSinceMs: expect.any(Number) })
  })
})

describe('hostile messages', () => {
  it('are counted, change nothing, and stop nothing', async () => {
    await fleet.serve(await fleet.configure('fleet'))
    const device = await fleet.device(NORTH, 1)
    const stranger = await fleet.device('east/box-9', 3)
    stranger.add(10)
    const decisions = device.topic('decisions')
    const record = recordOf(1)
    const bad: unknown[] = [
      new Uint8Array(),
      Buffer.from('{'),
      Buffer.from('{"v": 1}'),
      Buffer.alloc(60_000, 0x5b),
      [],
      { v: 1, stream: 1, first: 0, records: [record] },
      { v: 1, stream: -1, first: 1, records: [record] },
      { v: 1, stream: 1, first: 2 ** 41, records: [record] },
      { v: 1, stream: 1, first: 1, records: [] },
      { v: 1, stream: 1, first: 1, records: Array(65).fill(record) },
      { v: 1, stream: 1, first: 1, records: [{ ...record, note: 'a name' }] },
      { v: 1, stream: 1, first: 1, records: [{ ...record, model: "1'; DROP TABLE decision; --" }] },
    ]
    for (const payload of bad) await device.publish(decisions, payload)
    await device.publish(decisions, { v: 1, stream: 1, first: 1, records: [record] }, true)
    await device.publish(device.topic('state'), { v: 1, status: 'online' })
    device.add(20)
    await until('acknowledged', () => device.acked === 20)
    const found = () => fleet.read((reader) => reader.findings())
    await until('counted', () => found().some(({ device: name }) => name === 'east/box-9'))
    expect(found().find(({ device: name }) => name === NORTH)).toMatchObject({
      kind: 'message-invalid',
      times: bad.length + 1,
    })
    expect(found().find(({ device: name }) => name === 'east/box-9')).toMatchObject({ kind: 'device-unknown' })
    expectAllOnce(device)
    expect([stranger.acked, viewOf('east/box-9')]).toEqual([0, undefined])
  })
})
