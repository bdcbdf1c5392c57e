import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startBroker } from '../../demo/broker.ts'
import { topicOf } from '../../device/outbound/topics.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { FleetCertificates } from '../../updater/operator/testkit/fleet-certificates.ts'
import { connectLink, type Link } from './mqtt-link.ts'

let broker: { port: number; close(): Promise<void> }
let link: Link

beforeEach(async () => {
  const certificates = await FleetCertificates.create()
  const party = await certificates.issue('broker', 'server')
  const tls = { key: party.key, certificate: party.cert, clientAuthority: party.ca }
  broker = await startBroker({ tls, port: 0 })
  const box = await certificates.issue('box-1')
  link = await connectLink({
    broker: { host: '127.0.0.1', port: broker.port, key: box.key, certificate: box.cert, authority: box.ca },
    version: 4,
    clientId: 'box-1',
    will: { topic: topicOf('north', 'box-1', 'state'), payload: Buffer.from('{}') },
    clock: systemClock,
    onMessage: () => {},
  })
})

afterEach(async () => {
  link.destroy()
  await broker.close()
})

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collectGarbage: unknown = runInNewContext('gc')
  if (typeof collectGarbage === 'function') collectGarbage()
  return process.memoryUsage().heapUsed
}

describe('a connection that lasts', () => {
  it('keeps nothing of a message that was acknowledged', async () => {
    const topic = topicOf('north', 'box-1', 'decisions')
    const send = async (messages: number) => {
      for (let sent = 0; sent < messages; sent += 50) {
        await Promise.all(Array.from({ length: 50 }, () => link.publish(topic, Buffer.alloc(64), false)))
        // Slower than what is taken for a flood of a broker.
        await sleep(12)
      }
    }
    await send(1000)
    const before = heapBytes()
    await send(6000)
    expect((heapBytes() - before) / 6000).toBeLessThan(80)
  })

  it('tells everybody who waits that it is over, and whoever asks later', async () => {
    const topic = topicOf('north', 'box-1', 'decisions')
    const waiting = Array.from({ length: 3 }, () => link.publish(topic, Buffer.alloc(64), false))
    link.destroy()
    for (const each of [...waiting, link.publish(topic, Buffer.alloc(64), false)])
      await expect(each).rejects.toMatchObject({ code: 'egress_connection_lost' })
  })
})
