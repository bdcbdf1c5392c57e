import type { Signer, Verifier } from '../crypto/signing.ts'
import { CheckpointError } from './errors.ts'
import { openNote, signNote } from './signed-note.ts'

/** C2SP tlog-checkpoint: the size and root of the log at one moment, signed by the log's key, whose name is the origin. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
}

/** SHA-256. */
const HASH_BYTES = 32
const SIZE = /^(0|[1-9][0-9]{0,15})$/

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`
}

/** @returns the checkpoint as a signed note */
export function signCheckpoint(checkpoint: Checkpoint, signer: Signer, publicKey: Uint8Array): Promise<string> {
  return signNote(checkpointText(checkpoint), signer, { name: checkpoint.origin, publicKey })
}

/**
 * Reads a note text as a checkpoint. Extension lines are passed over: they are signed, but say nothing to us.
 * @throws CheckpointError audit_checkpoint_invalid
 */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root, ...extensions] = text.endsWith('\n') ? text.slice(0, -1).split('\n') : []
  const bytes = Buffer.from(root ?? '', 'base64')
  const isCheckpoint =
    origin !== undefined &&
    origin !== '' &&
    SIZE.test(size ?? '') &&
    Number.isSafeInteger(Number(size)) &&
    bytes.length === HASH_BYTES &&
    bytes.toString('base64') === root &&
    extensions.every((line) => line !== '')
  if (!isCheckpoint) throw new CheckpointError('audit_checkpoint_invalid', { about: 'form' })
  return { origin, size: Number(size), root: bytes }
}

/**
 * Checks the signature, then the origin.
 * @throws CheckpointError audit_note_invalid | audit_checkpoint_invalid
 */
export async function openCheckpoint(note: string, verifier: Verifier, origin: string): Promise<Checkpoint> {
  const checkpoint = parseCheckpoint(await openNote(note, verifier, origin))
  if (checkpoint.origin !== origin) throw new CheckpointError('audit_checkpoint_invalid', { about: 'origin' })
  return checkpoint
}
