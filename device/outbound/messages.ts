import { z } from 'zod'
import { canonicalBytes, parseCanonical } from '../platform/canonical-json.ts'
import { deviceState } from './device-state.ts'
import { OutboundError } from './errors.ts'
import { bootNumber, outboundRecord, outboundYear, sequenceMark, sequenceNumber, streamId } from './record.ts'
import { type OutboundLeaf, parseTopic } from './topics.ts'

/** Every message that leaves the box, and the one that comes back, is at most this long. */
export const MAX_OUTBOUND_BYTES = 65_536
export const MAX_RECORDS = 64

/** Hashes and signatures say nothing that is not already fixed elsewhere; they are counted apart. */
const HASH = { hash: true } as const

export const decisionsMessage = z.strictObject({
  v: z.literal(1),
  stream: streamId,
  /** Sequence of the first record; the others follow one by one. */
  first: sequenceNumber,
  records: z.array(outboundRecord).min(1).max(MAX_RECORDS),
})

export const stateMessage = z.discriminatedUnion('status', [
  z.strictObject({
    v: z.literal(1),
    status: z.literal('online'),
    stream: streamId,
    boot: bootNumber,
    year: outboundYear,
    /** Highest sequence that was given. */
    last: sequenceMark,
    /** All up to here was acknowledged; it is not kept any more and never sent again. */
    acked: sequenceMark,
    device: deviceState.nullable(),
  }),
  z.strictObject({
    v: z.literal(1),
    status: z.literal('offline'),
    stream: streamId,
    boot: bootNumber,
    /** `lost` is the last will, which the broker sends. */
    how: z.enum(['stopped', 'lost']),
  }),
])

/** A C2SP tlog-checkpoint without its origin, which the fleet knows by its configuration. */
export const checkpointMessage = z.strictObject({
  v: z.literal(1),
  size: z
    .int()
    .min(0)
    .max(2 ** 48 - 1)
    .brand<'log-size'>(),
  root: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .brand<'log-root'>()
    .meta(HASH),
  /** As in the signed note: 4 bytes of key hash, 64 bytes of Ed25519. */
  signature: z
    .string()
    .regex(/^[0-9a-f]{136}$/)
    .brand<'log-signature'>()
    .meta(HASH),
})

/** What the fleet manager answers: of this stream everything up to `through` is stored. */
export const ackMessage = z.strictObject({ v: z.literal(1), stream: streamId, through: sequenceMark })

export type DecisionsMessage = z.infer<typeof decisionsMessage>
export type StateMessage = z.infer<typeof stateMessage>
export type CheckpointMessage = z.infer<typeof checkpointMessage>
export type AckMessage = z.infer<typeof ackMessage>

/** Everything that may leave, by where it goes. The linter counts each of them. */
export const outboundSchemas = {
  decisions: decisionsMessage,
  state: stateMessage,
  'audit/checkpoint': checkpointMessage,
} as const satisfies Record<OutboundLeaf, z.ZodType>

export type OutboundContent = {
  [Leaf in OutboundLeaf]: { readonly leaf: Leaf; readonly message: z.infer<(typeof outboundSchemas)[Leaf]> }
}[OutboundLeaf]

export type OutboundMessage = OutboundContent & { readonly site: string; readonly device: string }

/** @throws OutboundError outbound_message_invalid: nothing that the schema does not name can be written */
export function encodeOutbound({ leaf, message }: OutboundContent): Uint8Array {
  return canonicalBytes(parseMessage<unknown>(outboundSchemas[leaf], message))
}

/**
 * Reads what a device sent.
 * @throws OutboundError outbound_topic_unknown | outbound_message_invalid
 */
export function parseOutbound(topic: string, bytes: Uint8Array): OutboundMessage {
  const { site, device, leaf } = parseTopic(topic)
  if (leaf === 'decisions/ack') throw new OutboundError('outbound_topic_unknown')
  const message = parseMessage<unknown>(outboundSchemas[leaf], parseBytes(bytes))
  return { site, device, leaf, message } as OutboundMessage
}

/** @throws OutboundError outbound_message_invalid */
export function encodeAck(ack: { readonly v: 1; readonly stream: number; readonly through: number }): Uint8Array {
  return canonicalBytes(parseMessage(ackMessage, ack))
}

/** @throws OutboundError outbound_message_invalid */
export function parseAck(bytes: Uint8Array): AckMessage {
  return parseMessage(ackMessage, parseBytes(bytes))
}

/** The signed note of a checkpoint, as `wardstone audit verify` and any C2SP tool take it. */
export function checkpointNote(origin: string, { size, root, signature }: CheckpointMessage): string {
  const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64')
  return `${origin}\n${size}\n${base64(root)}\n\n— ${origin} ${base64(signature)}\n`
}

function parseBytes(bytes: Uint8Array): unknown {
  if (bytes.length > MAX_OUTBOUND_BYTES) throw new OutboundError('outbound_message_invalid')
  try {
    return parseCanonical(bytes)
  } catch {
    // Without its cause: what was sent must not reach a log through it.
    throw new OutboundError('outbound_message_invalid')
  }
}

function parseMessage<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new OutboundError('outbound_message_invalid')
  return parsed.data
}
