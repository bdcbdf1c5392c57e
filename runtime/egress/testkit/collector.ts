import mqtt, { type MqttClient } from 'mqtt'
import {
  type CheckpointMessage,
  type DecisionsMessage,
  encodeAck,
  parseOutbound,
  type StateMessage,
} from '../../../device/outbound/messages.ts'
import type { OutboundRecord } from '../../../device/outbound/record.ts'
import { outboundFilters, topicOf } from '../../../device/outbound/topics.ts'
import { canonicalJson } from '../../../device/platform/canonical-json.ts'
import type { Party } from '../../../updater/operator/testkit/fleet-certificates.ts'

/** A fleet manager in memory: counts each record once, acknowledges what is contiguous, and remembers what was wrong. */
export class Collector {
  readonly faults: string[] = []
  readonly states: StateMessage[] = []
  readonly checkpoints: CheckpointMessage[] = []
  readonly streams = new Map<number, Map<number, OutboundRecord>>()
  /** Messages that said nothing new. */
  duplicates = 0
  isAcknowledging = true
  readonly #client: MqttClient
  readonly #through = new Map<number, number>()

  constructor(url: string, party: Party, protocolVersion: 4 | 5 = 5) {
    this.#client = mqtt.connect(url, {
      ...party,
      protocolVersion,
      clientId: 'fleet',
      clean: false,
      reconnectPeriod: 200,
      ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 3600 } } : {}),
    })
    this.#client.on('error', () => {})
    this.#client.on('connect', () => this.#client.subscribe([...outboundFilters], { qos: 1 }))
    this.#client.on('message', (topic, payload) => this.#take(topic, payload))
  }

  get records(): OutboundRecord[] {
    return [...this.streams.values()].flatMap((records) => [...records.values()])
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true)
  }

  #take(topic: string, payload: Buffer): void {
    try {
      const { site, device, leaf, message } = parseOutbound(topic, payload)
      if (leaf === 'state') this.states.push(message)
      if (leaf === 'audit/checkpoint') this.checkpoints.push(message)
      if (leaf !== 'decisions') return
      this.#count(message)
      if (!this.isAcknowledging) return
      const ack = encodeAck({ v: 1, stream: message.stream, through: this.#contiguous(message.stream) })
      this.#client.publish(topicOf(site, device, 'decisions/ack'), Buffer.from(ack), { qos: 1 })
    } catch (error) {
      this.faults.push(String(error))
    }
  }

  #count({ stream, first, records }: DecisionsMessage): void {
    const held = this.streams.get(stream) ?? new Map<number, OutboundRecord>()
    this.streams.set(stream, held)
    const before = held.size
    for (const [place, record] of records.entries()) {
      const known = held.get(first + place)
      if (known !== undefined && canonicalJson(known) !== canonicalJson(record))
        this.faults.push(`sequence ${first + place} means two records`)
      held.set(first + place, record)
    }
    if (held.size === before) this.duplicates += 1
  }

  #contiguous(stream: number): number {
    const held = this.streams.get(stream)
    let through = this.#through.get(stream) ?? 0
    while (held?.has(through + 1)) through += 1
    this.#through.set(stream, through)
    return through
  }
}
