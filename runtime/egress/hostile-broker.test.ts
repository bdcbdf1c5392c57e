import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PacketGuard } from '../../device/outbound/packet-guard.ts'
import { rawBroker } from '../../updater/operator/testkit/raw-broker.ts'
import { EgressSite, until } from './testkit/egress-site.ts'

let site: EgressSite

beforeEach(async () => {
  site = await EgressSite.create()
})

afterEach(() => site.remove())

const publish = (flags: number, body: Buffer) => {
  const length = []
  for (let rest = body.length; ; rest >>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest)
    if (rest <= 127) break
  }
  return Buffer.concat([Buffer.from([0x30 | flags, ...length]), body])
}

describe('bytes from a hostile broker', () => {
  it.each([
    ['a packet of 256 MiB', Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])],
    ['a length that never ends', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['a message of QoS 2', publish(0x04, Buffer.from([0, 1, 0x61, 0, 1, 0]))],
    ['a message of a QoS that is none', publish(0x06, Buffer.from([0, 1, 0x61, 0, 1, 0]))],
    ['what only clients send', Buffer.from([0x10, 0x00])],
    ['a reserved type', Buffer.from([0x00, 0x00])],
    ['a broken packet of a good form', publish(0x02, Buffer.from([0xff, 0xff, 0x61]))],
    ['a flood', Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([0xd0, 0x00])))],
  ])('%s ends the connection, and egress tries again later', async (_what, bytes) => {
    const broker = await rawBroker(site.broker, (socket) => socket.write(bytes))
    site.configure(broker.port)
    const egress = await site.startEgress()
    try {
      await until('a second try', () => broker.connections() >= 2, 10_000)
      expect(egress.words).toMatch(/egress_(broker_hostile|connection_lost)/)
      expect(egress.process.exitCode).toBe(null)
    } finally {
      await egress.kill()
      await broker.close()
    }
  })
})

describe('the guard', () => {
  const accepts = (...chunks: number[][]) => {
    const guard = new PacketGuard(1000, 100)
    return chunks.every((chunk) => guard.accepts(Uint8Array.from(chunk), 0))
  }

  it('lets through what a broker says, however it is cut', () => {
    const connack = [0x20, 0x02, 0x00, 0x00]
    const message = [0x32, 0x05, 0x00, 0x01, 0x61, 0x00, 0x01]
    const all = [...connack, ...message, 0xd0, 0x00, 0x40, 0x02, 0x00, 0x01]
    expect(accepts(all)).toBe(true)
    expect(accepts(...all.map((byte) => [byte]))).toBe(true)
  })

  it('counts packets by the second', () => {
    const guard = new PacketGuard(1000, 100)
    const ping = Uint8Array.from([0xd0, 0x00])
    for (let index = 0; index < 100; index++) expect(guard.accepts(ping, 999)).toBe(true)
    expect(guard.accepts(ping, 1000)).toBe(true)
    for (let index = 0; index < 99; index++) guard.accepts(ping, 1001)
    expect(guard.accepts(ping, 1002)).toBe(false)
  })

  it('takes a packet of the limit and none above it', () => {
    expect(accepts([0x30, 0xe8, 0x07])).toBe(true)
    expect(accepts([0x30, 0xe9, 0x07])).toBe(false)
  })
})
