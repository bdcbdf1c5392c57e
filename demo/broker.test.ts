import mqtt from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { topicOf } from '../device/outbound/topics.ts'
import { FleetCertificates } from '../updater/operator/testkit/fleet-certificates.ts'
import { type DemoBroker, startBroker } from './broker.ts'
import { mayPublish, maySubscribe } from './broker-access.ts'

const own = (leaf: 'state' | 'decisions' | 'decisions/ack') => topicOf('demo', 'box-1', leaf)

let broker: DemoBroker
let certificates: FleetCertificates

beforeAll(async () => {
  certificates = await FleetCertificates.create()
  const { key, cert, ca } = await certificates.issue('broker', 'server')
  broker = await startBroker({ tls: { key, certificate: cert, clientAuthority: ca }, port: 0 })
})

afterAll(() => broker.close())

const connected = (options: object) =>
  mqtt
    .connectAsync(`mqtts://127.0.0.1:${broker.port}`, { protocolVersion: 4, reconnectPeriod: 0, ...options }, false)
    .then((client) => client.endAsync().then(() => true))
    .catch(() => false)

describe('the broker of the demonstration', () => {
  it('takes a certificate of its authority and nothing else', async () => {
    const good = await certificates.issue('box-1')
    const foreign = await (await FleetCertificates.create('Another authority')).issue('box-1')
    expect(await connected(good)).toBe(true)
    expect(await connected({ ca: good.ca })).toBe(false)
    expect(await connected({ ...foreign, ca: good.ca })).toBe(false)
  })

  it('lets a device speak for itself and hear its own acknowledgements', () => {
    expect([own('state'), own('decisions')].every((topic) => mayPublish('box-1', topic))).toBe(true)
    expect(maySubscribe('box-1', own('decisions/ack'))).toBe(true)
    const refused = [
      mayPublish('box-2', own('state')),
      mayPublish('box-1', own('decisions/ack')),
      mayPublish('', own('state')),
    ]
    const deaf = [
      maySubscribe('box-2', own('decisions/ack')),
      maySubscribe('box-1', own('state')),
      maySubscribe('box-1', '#'),
    ]
    expect([...refused, ...deaf, mayPublish('box-1', 'a/b')]).toEqual(Array.from({ length: 7 }, () => false))
  })

  it('lets the fleet manager hear all boxes and acknowledge', () => {
    expect(maySubscribe('fleet', 'wardstone/v1/+/+/decisions')).toBe(true)
    expect(mayPublish('fleet', own('decisions/ack'))).toBe(true)
    expect([maySubscribe('fleet', '#'), mayPublish('fleet', own('state'))]).toEqual([false, false])
  })

  it('lets nobody end another’s session by a borrowed client id', async () => {
    const url = `mqtts://127.0.0.1:${broker.port}`
    const options = { protocolVersion: 4, reconnectPeriod: 0, clientId: 'box-7' } as const
    const box = await mqtt.connectAsync(url, { ...options, ...(await certificates.issue('box-7')) })
    const thief = await mqtt.connectAsync(url, { ...options, ...(await certificates.issue('box-8')) })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect([box.connected, thief.connected]).toEqual([true, true])
    await Promise.all([box.endAsync(true), thief.endAsync(true)])
  })

  it('publishes the last will of a device whose connection was cut, and of none that speaks for another', async () => {
    const connect = async (name: string, options: object = {}) =>
      mqtt.connectAsync(`mqtts://127.0.0.1:${broker.port}`, {
        ...{ protocolVersion: 4, reconnectPeriod: 0, ...(await certificates.issue(name)) },
        ...options,
      })
    const fleet = await connect('fleet')
    const heard: string[] = []
    fleet.on('message', (topic) => heard.push(topic))
    await fleet.subscribeAsync('wardstone/v1/+/+/state', { qos: 1 })
    const will = (payload: string) => ({ will: { topic: own('state'), payload, qos: 1 as const, retain: false } })
    const liar = await connect('box-2', will('lie'))
    const honest = await connect('box-1', will('lost'))
    liar.stream.destroy()
    honest.stream.destroy()
    await expect.poll(() => heard).toEqual([own('state')])
    expect(await connected(await certificates.issue('box-1'))).toBe(true)
    await fleet.endAsync()
  })
})
