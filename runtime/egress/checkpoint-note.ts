import { type CheckpointMessage, checkpointMessage } from '../../device/outbound/messages.ts'
import { EgressError } from './errors.ts'

/** C2SP tlog-checkpoint in its signed note: origin, size, root, an empty line, and the log's own signature. */
const NOTE =
  /^([^\n+ ]+)\n(\d{1,15})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*\n(?:— [^\n]+\n)*?— \1 ([A-Za-z0-9+/]+={0,2})\n/

/** A checkpoint without its origin, which is a text. @throws EgressError egress_checkpoint_malformed */
export function parseCheckpointNote(note: string): CheckpointMessage {
  const [, , size, root = '', signature = ''] = NOTE.exec(note) ?? []
  const hex = (base64: string) => Buffer.from(base64, 'base64').toString('hex')
  const parsed = checkpointMessage.safeParse({ v: 1, size: Number(size), root: hex(root), signature: hex(signature) })
  if (!parsed.success) throw new EgressError('egress_checkpoint_malformed')
  return parsed.data
}
