import { isIP } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { MqttClient } from 'mqtt'
import { PacketGuard } from '../../device/outbound/packet-guard.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { EgressError } from './errors.ts'

export type ProtocolVersion = 5 | 4

export interface Broker {
  readonly host: string
  readonly port: number
  readonly key: string
  readonly certificate: string
  /** Certificate of the authority that issued the broker's. */
  readonly authority: string
}

export interface Incoming {
  readonly topic: string
  readonly payload: Uint8Array
  readonly retained: boolean
}

/** One connection to the broker, accepted and not yet ended. */
export interface Link {
  /** Resolves when the broker has acknowledged. @throws EgressError egress_connection_lost */
  publish(topic: string, payload: Uint8Array, retain: boolean): Promise<void>
  subscribe(filter: string): Promise<void>
  /** Says goodbye: the broker sends no last will then. */
  end(): Promise<void>
  /** Cuts the connection. */
  destroy(): void
  /** Resolves when the connection is over, with what ended it. */
  readonly closed: Promise<EgressError>
}

export interface LinkOptions {
  readonly broker: Broker
  readonly version: ProtocolVersion
  readonly clientId: string
  readonly will: { readonly topic: string; readonly payload: Uint8Array }
  readonly clock: Clock
  onMessage(message: Incoming): void
}

/** The broker does not speak this version of the protocol, or broke off in a way that may mean so. */
export class VersionRefused extends EgressError {}

const CONNECT_LIMIT_MS = 10_000
const ANSWER_LIMIT_MS = 20_000
const END_LIMIT_MS = 2000
const KEEP_ALIVE_S = 30
/** What the broker has to say to us is short. */
const MAX_PACKET_BYTES = 16_384
const MAX_PACKETS_PER_SECOND = 5000
/** MQTT 3.1.1 §3.2.2.3 code 1; MQTT 5 §3.2.2.2 reason 0x84: the version is not supported. */
const VERSION_REFUSALS = [1, 0x84]

/** @throws EgressError egress_connection_failed; VersionRefused when another version may be worth a try */
export function connectLink(options: LinkOptions): Promise<Link> {
  return new Promise((resolve, reject) => {
    const link = new MqttLink(options, resolve)
    void link.closed.then(reject)
  })
}

class MqttLink implements Link {
  readonly closed: Promise<EgressError>
  readonly #client: MqttClient
  /** Who waits for an answer. A reaction to `closed` for each message would stay with that promise as long as the connection does. */
  readonly #waiting = new Set<(error: EgressError) => void>()
  #close: (error: EgressError) => void = () => {}
  #stage: 'connecting' | 'secured' | 'accepted' | 'closed' = 'connecting'

  constructor(options: LinkOptions, accepted: (link: Link) => void) {
    const { promise, resolve } = Promise.withResolvers<EgressError>()
    this.closed = promise
    this.#close = resolve
    const limit = setTimeout(() => this.#fail(), CONNECT_LIMIT_MS)
    void promise.then(() => clearTimeout(limit))
    this.#client = new MqttClient(() => this.#openSocket(options), clientOptions(options))
    this.#client.on('connect', () => {
      clearTimeout(limit)
      this.#stage = 'accepted'
      accepted(this)
    })
    this.#client.on('error', (cause) => this.#fail(cause))
    this.#client.on('close', () => this.#fail())
    this.#client.on('message', (topic, payload, packet) =>
      options.onMessage({ topic, payload, retained: packet.retain }),
    )
  }

  publish(topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    return this.#answered(this.#client.publishAsync(topic, Buffer.from(payload), { qos: 1, retain }))
  }

  /** Version 5 also says of a message just published whether it is one to be kept; 3.1.1 says so only of those that were kept. */
  subscribe(filter: string): Promise<void> {
    return this.#answered(this.#client.subscribeAsync(filter, { qos: 1, rap: true }))
  }

  async end(): Promise<void> {
    this.#client.end()
    const limit = setTimeout(() => this.destroy(), END_LIMIT_MS)
    await this.closed
    clearTimeout(limit)
  }

  destroy(): void {
    this.#fail()
  }

  /** A broker that does not answer is as good as gone. */
  async #answered(work: Promise<unknown>): Promise<void> {
    const { promise: cut, reject } = Promise.withResolvers<never>()
    const limit = setTimeout(() => this.#fail(), ANSWER_LIMIT_MS)
    this.#waiting.add(reject)
    if (this.#stage === 'closed') reject(new EgressError('egress_connection_lost'))
    try {
      await Promise.race([work, cut])
    } catch (cause) {
      throw cause instanceof EgressError ? cause : new EgressError('egress_connection_lost', { cause })
    } finally {
      clearTimeout(limit)
      this.#waiting.delete(reject)
      work.catch(() => {})
    }
  }

  #openSocket({ broker, clock }: LinkOptions): TLSSocket {
    const { host, port, key, certificate, authority } = broker
    const guard = new PacketGuard(MAX_PACKET_BYTES, MAX_PACKETS_PER_SECOND)
    const socket = connectTls({
      host,
      port,
      key,
      cert: certificate,
      ca: authority,
      minVersion: 'TLSv1.2',
      // Said, not left to the default: that can be switched off from outside (NODE_TLS_REJECT_UNAUTHORIZED).
      rejectUnauthorized: true,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    })
    socket.on('secureConnect', () => {
      if (this.#stage === 'connecting') this.#stage = 'secured'
    })
    // Registered before the library's own listener, so that it sees a chunk only after the guard has.
    socket.on('data', (chunk: Buffer) => {
      if (this.#stage === 'closed' || guard.accepts(chunk, clock.monotonicMs())) return
      this.#closeWith(new EgressError('egress_broker_hostile'))
    })
    return socket
  }

  #fail(cause?: unknown): void {
    const code = (cause as { code?: unknown } | undefined)?.code
    const isVersion = this.#stage === 'secured' && (code === undefined || VERSION_REFUSALS.includes(Number(code)))
    const stage = this.#stage === 'accepted' ? 'egress_connection_lost' : 'egress_connection_failed'
    this.#closeWith(new (isVersion ? VersionRefused : EgressError)(stage, { cause }))
  }

  #closeWith(error: EgressError): void {
    if (this.#stage === 'closed') return
    this.#stage = 'closed'
    this.#client.end(true)
    this.#client.stream?.destroy()
    this.#close(error)
    for (const reject of this.#waiting) reject(error)
  }
}

function clientOptions({ version, clientId, will }: LinkOptions): ConstructorParameters<typeof MqttClient>[1] {
  return {
    protocolVersion: version,
    protocolId: 'MQTT',
    clientId,
    clean: true,
    keepalive: KEEP_ALIVE_S,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_LIMIT_MS,
    queueQoSZero: false,
    resubscribe: false,
    will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
    ...(version === 5 ? { properties: { maximumPacketSize: MAX_PACKET_BYTES } } : {}),
  }
}
