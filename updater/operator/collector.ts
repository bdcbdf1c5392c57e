import { type IClientOptions, MqttClient } from 'mqtt'
import type { Randomness } from '../../device/crypto/randomness.ts'
import { encodeAck } from '../../device/outbound/messages.ts'
import { ACK_LEAF, outboundFilters, topicOf } from '../../device/outbound/topics.ts'
import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import { openBrokerSocket } from './broker-socket.ts'
import type { FleetConfig, FleetTrust } from './config.ts'
import { Inbox } from './inbox.ts'
import type { Connection } from './reception.ts'
import type { Acknowledgement, FleetStore } from './store.ts'

export interface Collector {
  /** Resolves when the broker has accepted the subscriptions for the first time. */
  readonly ready: Promise<void>
  /** Takes what has arrived to disk, says goodbye to the broker. */
  stop(): Promise<void>
}

/** A broker that comes back meets its collectors one by one. */
const RECONNECT_MS = { least: 500, spread: 1500 }
const CONNECT_TIMEOUT_MS = 15_000
const KEEPALIVE_SECONDS = 30
const FAREWELL_MS = 2000
const MAX_PACKET_BYTES = 128 * 1024

/**
 * Listens to the fleet and acknowledges what is on disk. It keeps no session at the broker and relies on none: a device
 * sends what is not acknowledged again, so that whatever is lost between its queue and our fsync comes once more.
 */
export function startCollector(
  config: FleetConfig,
  trust: FleetTrust,
  { store, clock, randomness, log }: { store: FleetStore; clock: Clock; randomness: Randomness; log: Log },
): Collector {
  const { promise: ready, resolve: becomeReady } = Promise.withResolvers<void>()
  const client: MqttClient = new MqttClient(
    () => {
      const socket = openBrokerSocket(config, trust, MAX_PACKET_BYTES, log)
      // The library passes over what TLS finds wrong.
      socket.on('error', (error) => log.warn('broker_fault', { code: brokerCode(error) }))
      return socket
    },
    clientOptions(config, jitterMs(randomness)),
  )
  let connection: Connection = { sinceMs: clock.nowMs(), largest: new Map() }
  const acknowledge = (acks: readonly Acknowledgement[]) => {
    for (const { device, stream, through } of acks) {
      // While the broker is away nothing piles up: the device asks again by sending again.
      if (!client.connected) return
      const [site = '', name = ''] = device.split('/')
      const ack = Buffer.from(encodeAck({ v: 1, stream, through }))
      client.publish(topicOf(site, name, ACK_LEAF), ack, { qos: 1, retain: false }, (error) => {
        if (error != null) log.warn('ack_not_sent', { device })
      })
    }
  }
  const inbox = new Inbox({ store, devices: trust.devices, clock, log, acknowledge })
  // Called for every message, in order; the broker's acknowledgement of QoS 1 follows the callback.
  client.handleMessage = ({ topic, payload, retain }, next) => {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    inbox.push({ topic, payload: bytes, isRetained: retain }, connection, next)
  }
  client.on('connect', () => {
    connection = { sinceMs: clock.nowMs(), largest: new Map() }
    client
      .subscribeAsync(subscriptions(config.group), { qos: 1 })
      .then((granted) => {
        if (granted.some(({ qos }) => qos > 2)) log.error('subscription_refused')
        else becomeReady()
      })
      .catch((error: unknown) => log.error('subscription_failed', { code: brokerCode(error) }))
    log.info('connected')
  })
  client.on('close', () => log.warn('disconnected'))
  client.on('error', (error) => log.warn('broker_fault', { code: brokerCode(error) }))

  return {
    ready,
    stop: async () => {
      await inbox.close()
      // What is acknowledged already may take its leave; a broker that does not answer is not waited for.
      await Promise.race([client.endAsync(), new Promise((resolve) => setTimeout(resolve, FAREWELL_MS))])
      await client.endAsync(true)
      log.info('stopped', { messages: inbox.taken })
    },
  }
}

function clientOptions(config: FleetConfig, reconnectPeriod: number): IClientOptions {
  return {
    protocolId: 'MQTT',
    protocolVersion: config.protocol,
    clientId: config.collector,
    clean: true,
    resubscribe: false,
    queueQoSZero: false,
    keepalive: KEEPALIVE_SECONDS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod,
    reconnectOnConnackError: true,
    ...(config.protocol === 5 ? { properties: { maximumPacketSize: MAX_PACKET_BYTES, sessionExpiryInterval: 0 } } : {}),
  }
}

function jitterMs(randomness: Randomness): number {
  const share = Buffer.from(randomness.bytes(2)).readUInt16LE() / 65_536
  return RECONNECT_MS.least + Math.floor(share * RECONNECT_MS.spread)
}

/**
 * Decisions are divided among the collectors of a group. States and checkpoints go to all of them: their order counts, and
 * a shared subscription is not given what is retained (MQTT 5, section 4.8.2).
 */
function subscriptions(group: string | undefined): string[] {
  return outboundFilters.map((filter) =>
    group !== undefined && filter.endsWith('/decisions') ? `$share/${group}/${filter}` : filter,
  )
}

/** The name of a system's or TLS fault, or the broker's reason code: never its text. */
function brokerCode(error: unknown): string {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' || typeof code === 'number' ? String(code) : 'unknown'
}
