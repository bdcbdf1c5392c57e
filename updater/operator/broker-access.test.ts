import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeAck } from '../../device/outbound/messages.ts'
import { FleetCertificates, type Party } from './testkit/fleet-certificates.ts'
import { Mosquitto } from './testkit/mosquitto.ts'

let folder: string
let certificates: FleetCertificates
let broker: Mosquitto
const clients: mqtt.MqttClient[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-broker-'))
  certificates = await FleetCertificates.create()
  broker = await Mosquitto.start(folder, certificates)
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.endAsync(true)))
  await broker.down()
  rmSync(folder, { recursive: true, force: true })
})

async function connect(party: Partial<Party>, clientId: string, options: mqtt.IClientOptions = {}) {
  const client = mqtt.connect(broker.url, {
    ca: certificates.authorityPem,
    ...party,
    clientId,
    reconnectPeriod: 0,
    ...options,
  })
  clients.push(client)
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve())
    client.once('error', reject)
    client.once('close', () => reject(new Error('closed')))
  })
  client.on('error', () => {})
  return client
}

/** Topics that a listener to everything has heard. */
async function listen(client: mqtt.MqttClient): Promise<string[]> {
  const heard: string[] = []
  client.on('message', (topic) => heard.push(topic))
  await client.subscribeAsync('#', { qos: 1 })
  return heard
}

const leaves = ['state', 'decisions', 'audit/checkpoint']
const ack = Buffer.from(encodeAck({ v: 1, stream: 1, through: 1 }))

describe.each([5, 4] as const)('the access list that we ship, under mosquitto and MQTT %i', (protocolVersion) => {
  it('lets a device speak for itself alone, and hear its own acknowledgements alone', async () => {
    const fleet = await connect(await certificates.issue('fleet'), 'fleet', { protocolVersion })
    const box = await connect(await certificates.issue('box-1'), 'box-1', { protocolVersion })
    const spy = await connect(await certificates.issue('box-2'), 'box-2', { protocolVersion })
    const [atFleet, atBox, atSpy] = [await listen(fleet), await listen(box), await listen(spy)]
    const send = (client: mqtt.MqttClient, topic: string, payload: Buffer | string = '{}') =>
      // Version 5 answers with a refusal; 3.1.1 has none and says nothing.
      client.publishAsync(topic, payload, { qos: 1 }).catch(() => undefined)
    for (const leaf of leaves) {
      await send(box, `wardstone/v1/north/box-1/${leaf}`)
      await send(spy, `wardstone/v1/north/box-1/${leaf}`)
      await send(spy, `wardstone/v1/north/box-1/x/../../box-2/${leaf}`)
    }
    await send(box, 'wardstone/v1/north/box-1/decisions/ack', ack)
    await send(box, 'wardstone/v1/north/box-2/decisions/ack', ack)
    await send(box, 'anything')
    await send(fleet, 'wardstone/v1/north/box-1/decisions/ack', ack)
    await send(fleet, 'wardstone/v1/north/box-1/decisions')
    await sleep(200)
    // Exactly what the box itself has said reached the fleet, and exactly what the fleet answered reached the box.
    expect(atFleet.toSorted()).toEqual(leaves.map((leaf) => `wardstone/v1/north/box-1/${leaf}`).toSorted())
    expect(atBox).toEqual(['wardstone/v1/north/box-1/decisions/ack'])
    expect(atSpy).toEqual([])
    await Promise.all([fleet, box, spy].map((client) => client.endAsync(true)))
  })

  it.each(['+', '#', '+/box-1', 'box-1/decisions', '$share', 'box-1 ', 'BOX-1', 'fleet/', ''])(
    'gives the common name %j nothing of anybody else',
    async (name) => {
      const party = name === '' ? await certificates.issueAnyName(' ') : await certificates.issueAnyName(name)
      const fleet = await connect(await certificates.issue('fleet'), 'fleet', { protocolVersion })
      const box = await connect(await certificates.issue('box-1'), 'box-1', { protocolVersion })
      const [atFleet, atBox] = [await listen(fleet), await listen(box)]
      const spy = await connect(party, 'box-1', { protocolVersion }).catch(() => undefined)
      const atSpy: string[] = []
      spy?.on('message', (topic) => atSpy.push(topic))
      for (const filter of ['#', 'wardstone/v1/+/+/decisions/ack', 'wardstone/v1/+/box-1/#'])
        await spy?.subscribeAsync(filter, { qos: 1 }).catch(() => undefined)
      for (const leaf of [...leaves, 'decisions/ack'])
        await spy?.publishAsync(`wardstone/v1/north/box-1/${leaf}`, '{}', { qos: 1 }).catch(() => undefined)
      await fleet.publishAsync('wardstone/v1/north/box-1/decisions/ack', ack, { qos: 1 })
      await sleep(100)
      expect([atFleet, atSpy]).toEqual([[], []])
      expect(atBox).toEqual(['wardstone/v1/north/box-1/decisions/ack'])
      await Promise.all([fleet, box, spy].map((client) => client?.endAsync(true)))
    },
  )

  it('ends nobody else’s session by a borrowed client id', async () => {
    const box = await connect(await certificates.issue('box-1'), 'box-1', { protocolVersion })
    await connect(await certificates.issue('box-2'), 'box-1', { protocolVersion })
    await sleep(100)
    expect(box.connected).toBe(true)
    await box.endAsync(true)
  })
})

describe('the broker as we configure it', () => {
  it('speaks to nobody without a certificate of the fleet', async () => {
    const foreign = await (await FleetCertificates.create('Another authority')).issue('box-1')
    await expect(connect({}, 'box-1')).rejects.toThrow()
    await expect(connect({ key: foreign.key, cert: foreign.cert }, 'box-1')).rejects.toThrow()
    const own = await certificates.issue('box-1')
    await expect(connect(own, 'box-1', { maxVersion: 'TLSv1.2' } as mqtt.IClientOptions)).rejects.toThrow()
  })
})
