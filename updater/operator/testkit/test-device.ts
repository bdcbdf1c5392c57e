import mqtt from 'mqtt'
import { signCheckpoint } from '../../../device/checkpoint/checkpoint.ts'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import {
  generateSigningKey,
  loadSigner,
  loadVerifier,
  type Signer,
  type Verifier,
} from '../../../device/crypto/signing.ts'
import {
  type CheckpointMessage,
  type DecisionsMessage,
  encodeOutbound,
  parseAck,
  type StateMessage,
} from '../../../device/outbound/messages.ts'
import type { OutboundRecord } from '../../../device/outbound/record.ts'
import { topicOf } from '../../../device/outbound/topics.ts'
import { canonicalBytes } from '../../../device/platform/canonical-json.ts'
import type { Party } from './fleet-certificates.ts'

/** Record number `sequence` of a test: different from its neighbours, the same each time. */
export function recordOf(sequence: number): OutboundRecord {
  const results = ['refused', 'none', 'low', 'elevated', 'high'] as const
  const record = {
    kind: 'decision',
    model: sequence % 64,
    result: results[sequence % results.length],
    latency: 'under-10ms',
    alert: sequence % 7 === 0,
    feedback: 'none',
    year: 2020 + (sequence % 64),
  }
  return record as unknown as OutboundRecord
}

/** Messages as the contract has them, from plain numbers: what is outside its bounds is refused when it is encoded. */
export function decisionsOf(stream: number, first: number, count: number): DecisionsMessage {
  const records = Array.from({ length: count }, (_, index) => recordOf(first + index))
  return { v: 1, stream, first, records } as unknown as DecisionsMessage
}

export function onlineOf(stream: number, boot: number, last = 0, acked = 0): StateMessage {
  return { v: 1, status: 'online', stream, boot, year: 2026, last, acked, device: null } as unknown as StateMessage
}

export function offlineOf(stream: number, boot: number, how: 'stopped' | 'lost' = 'lost'): StateMessage {
  return { v: 1, status: 'offline', stream, boot, how } as unknown as StateMessage
}

/** The key of a device's log, and checkpoints that it signs. */
export class TestLog {
  readonly origin: string
  readonly publicPem: string
  readonly #signer: Signer
  readonly verifier: Verifier

  private constructor(origin: string, publicPem: string, signer: Signer, verifier: Verifier) {
    this.origin = origin
    this.publicPem = publicPem
    this.#signer = signer
    this.verifier = verifier
  }

  static async create(origin: string): Promise<TestLog> {
    const provider = createCryptoProvider()
    const { privatePem, publicPem } = await generateSigningKey(provider)
    return new TestLog(
      origin,
      publicPem,
      await loadSigner(provider, privatePem),
      await loadVerifier(provider, publicPem),
    )
  }

  /** `fork` makes another log of the same size. */
  note(size: number, fork = 0): Promise<string> {
    const root = Buffer.alloc(32, fork)
    root.writeUInt32BE(size, 0)
    return signCheckpoint({ origin: this.origin, size, root }, this.#signer, this.verifier.publicKey)
  }

  async message(size: number, fork = 0): Promise<CheckpointMessage> {
    const [, , root = '', , line = ''] = (await this.note(size, fork)).split('\n')
    const hex = (base64: string) => Buffer.from(base64, 'base64').toString('hex')
    return { v: 1, size, root: hex(root), signature: hex(line.split(' ')[2] ?? '') } as unknown as CheckpointMessage
  }
}

const TICK_MS = 40
const RESEND_MS = 600

/**
 * A device that speaks the contract: it keeps what is not acknowledged, sends it again with other borders, and takes only
 * acknowledgements of its own stream that are not retained.
 */
export class TestDevice {
  readonly site: string
  readonly name: string
  readonly stream: number
  acked = 0
  last = 0
  sent = 0
  readonly #client: mqtt.MqttClient
  readonly #timer: NodeJS.Timeout
  readonly #random: () => number
  #inFlight = 0
  #resendAtMs = 0

  constructor(
    site: string,
    name: string,
    options: { url: string; party: Party; stream: number; protocol?: 4 | 5; random?: () => number },
  ) {
    this.site = site
    this.name = name
    this.stream = options.stream
    this.#random = options.random ?? Math.random
    const state = (message: StateMessage) => Buffer.from(encodeOutbound({ leaf: 'state', message }))
    this.#client = mqtt.connect(options.url, {
      ...options.party,
      clientId: name,
      protocolVersion: options.protocol ?? 5,
      reconnectPeriod: 100,
      reconnectOnConnackError: true,
      will: {
        topic: this.topic('state'),
        payload: state(offlineOf(this.stream, 1)),
        qos: 1,
        retain: true,
      },
    })
    this.#client.on('error', () => {})
    this.#client.on('connect', () => {
      this.#client.publish(this.topic('state'), state(onlineOf(this.stream, 1, this.last, this.acked)), {
        qos: 1,
        retain: true,
      })
      this.#client.subscribe(this.topic('decisions/ack'), { qos: 1 })
    })
    this.#client.on('message', (_topic, payload, packet) => {
      const ack = parseAck(payload)
      if (!packet.retain && ack.stream === this.stream)
        this.acked = Math.max(this.acked, Math.min(ack.through, this.last))
    })
    this.#timer = setInterval(() => this.#send(), TICK_MS)
  }

  topic(leaf: Parameters<typeof topicOf>[2]): string {
    return topicOf(this.site, this.name, leaf)
  }

  /** Gives `count` more records their numbers. */
  add(count: number): void {
    this.last += count
  }

  /** Publishes anything on any topic; rejects when the broker says no. */
  async publish(topic: string, payload: unknown, retain = false): Promise<void> {
    const bytes = payload instanceof Uint8Array ? payload : canonicalBytes(payload)
    await this.#client.publishAsync(topic, Buffer.from(bytes), { qos: 1, retain })
  }

  async checkpoint(log: TestLog, size: number, fork = 0): Promise<void> {
    await this.publish(this.topic('audit/checkpoint'), await log.message(size, fork))
  }

  subscribe(filter: string, onMessage: (topic: string) => void): Promise<unknown> {
    this.#client.on('message', onMessage)
    return this.#client.subscribeAsync(filter, { qos: 1 })
  }

  /** Everything that waits, in batches of random length and random order, some of them twice. */
  #send(): void {
    const isWaiting = this.acked < this.#inFlight && Date.now() < this.#resendAtMs
    if (!this.#client.connected || isWaiting || this.acked === this.last) return
    const batches: DecisionsMessage[] = []
    for (let first = this.acked + 1; first <= this.last && batches.length < 40; ) {
      const count = Math.min(1 + Math.floor(this.#random() * 64), this.last - first + 1)
      const batch = decisionsOf(this.stream, first, count)
      batches.push(batch, ...(this.#random() < 0.2 ? [batch] : []))
      first += count
      this.#inFlight = first - 1
    }
    this.#resendAtMs = Date.now() + RESEND_MS
    for (const message of batches.toSorted(() => this.#random() - 0.5)) {
      const bytes = encodeOutbound({ leaf: 'decisions', message })
      this.#client.publish(this.topic('decisions'), Buffer.from(bytes), { qos: 1 })
      this.sent += 1
    }
  }

  /** The line goes dead, without a farewell: the broker sends the last will. */
  cut(): void {
    this.#client.stream.destroy()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#client.endAsync(true)
  }
}
