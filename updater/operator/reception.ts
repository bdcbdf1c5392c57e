import { openCheckpoint } from '../../device/checkpoint/checkpoint.ts'
import type { NamedVerifier } from '../../device/checkpoint/verifier-key.ts'
import {
  type CheckpointMessage,
  checkpointNote,
  type OutboundMessage,
  parseOutbound,
} from '../../device/outbound/messages.ts'
import { parseTopic } from '../../device/outbound/topics.ts'
import type { Listening } from './checkpoint-history.ts'
import type { DeviceList } from './device-list.ts'
import type { FindingKind } from './findings.ts'
import type { Arrival } from './store.ts'

/** What one collector has heard on one connection; it starts anew with each. */
export interface Connection {
  readonly sinceMs: number
  /** Size of the largest checkpoint heard, by `site/device origin`. */
  readonly largest: Map<string, number>
}

/** A message as the broker hands it over. */
export interface Delivery {
  readonly topic: string
  readonly payload: Uint8Array
  readonly isRetained: boolean
}

/**
 * Judges a message by all that needs no database: topic, device, schema, signature.
 * That the device is the one of the topic is the broker's word: its access list binds the topic to the certificate.
 * @returns undefined for a topic that is none of ours: no device can be named for it
 */
export async function receive(
  delivery: Delivery,
  devices: DeviceList,
  connection: Connection,
): Promise<Arrival | undefined> {
  const device = deviceOf(delivery.topic)
  if (device === undefined) return undefined
  const key = devices.get(device)
  if (key === undefined) return fault(device, 'device-unknown')
  const message = parsed(delivery)
  // Only a state is retained: whatever else the broker has kept was not said now.
  if (message === undefined || (delivery.isRetained && message.leaf !== 'state'))
    return fault(device, 'message-invalid')
  if (message.leaf === 'decisions') return { device, kind: 'decisions', message: message.message }
  if (message.leaf === 'state')
    return { device, kind: 'state', message: message.message, isRetained: delivery.isRetained }
  return checkpointArrival(device, message.message, key, connection)
}

function deviceOf(topic: string): string | undefined {
  try {
    const { site, device, leaf } = parseTopic(topic)
    return leaf === 'decisions/ack' ? undefined : `${site}/${device}`
  } catch {
    return undefined
  }
}

function parsed({ topic, payload }: Delivery): OutboundMessage | undefined {
  try {
    return parseOutbound(topic, payload)
  } catch {
    return undefined
  }
}

function fault(device: string, kind: FindingKind, evidence = ''): Arrival {
  return { device, kind: 'fault', fault: { kind, evidence } }
}

/** C2SP signed-note and tlog-checkpoint: the signature of the pinned key under its name, over origin, size and root. */
async function checkpointArrival(
  device: string,
  message: CheckpointMessage,
  { name: origin, verifier }: NamedVerifier,
  connection: Connection,
): Promise<Arrival> {
  const note = checkpointNote(origin, message)
  try {
    await openCheckpoint(note, verifier, origin)
  } catch {
    return fault(device, 'checkpoint-unsigned', note)
  }
  const log = `${device} ${origin}`
  const listening: Listening = { sinceMs: connection.sinceMs, largest: connection.largest.get(log) ?? 0 }
  connection.largest.set(log, Math.max(listening.largest, message.size))
  const { size, root } = message
  return { device, kind: 'checkpoint', checkpoint: { origin, size, root, note }, listening }
}
