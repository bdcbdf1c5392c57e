import { sha256 } from '../crypto/bulk.ts'
import type { Signer, Verifier } from '../crypto/signing.ts'
import { CheckpointError } from './errors.ts'

/** C2SP signed-note with Ed25519 (signature type 0x01): a text that ends in a newline, an empty line, signature lines. */
const ED25519 = 0x01
const ID_BYTES = 4
const SIGNATURE_BYTES = 64
const MAX_NOTE_CHARACTERS = 262_144
const MAX_SIGNATURES = 16
const KEY_NAME = /^[^\s+\p{Z}\p{Cc}]{1,200}$/u
const NEWLINE = 0x0a
const SPACE = 0x20
const SIGNATURE_LINE = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/

/** The key of a note: its name and its public half. */
export interface NoteKey {
  readonly name: string
  /** Raw 32 bytes (RFC 8032). */
  readonly publicKey: Uint8Array
}

/** SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)[:4], as signed-note asks for Ed25519. */
export function noteKeyId(key: NoteKey): Buffer {
  return sha256(`${key.name}\n`, Uint8Array.of(ED25519), key.publicKey).subarray(0, ID_BYTES)
}

/** The key in vkey form, `name+id+key`, to be handed to auditors and witnesses. */
export function verifierKeyText(key: NoteKey): string {
  const encoded = Buffer.concat([Uint8Array.of(ED25519), key.publicKey]).toString('base64')
  return `${key.name}+${noteKeyId(key).toString('hex')}+${encoded}`
}

/** @throws CheckpointError audit_note_invalid for a name that a signature line cannot carry. */
export function verifyKeyName(name: string): void {
  if (!KEY_NAME.test(name)) throw new CheckpointError('audit_note_invalid', { about: 'key name' })
}

/** Signs a text that ends in a newline. */
export async function signNote(text: string, signer: Signer, key: NoteKey): Promise<string> {
  verifyKeyName(key.name)
  const signature = await signer.sign(new TextEncoder().encode(text))
  return `${text}\n\u2014 ${key.name} ${Buffer.concat([noteKeyId(key), signature]).toString('base64')}\n`
}

/**
 * The text of a note that this key signed. Signatures of other keys are passed over, as signed-note asks (witnesses add
 * theirs); a signature that carries this key's name and id and does not verify refuses the whole note.
 * @throws CheckpointError audit_note_invalid
 */
export async function openNote(note: string, verifier: Verifier, name: string): Promise<string> {
  const { text, signatures } = parseNote(note)
  const id = noteKeyId({ name, publicKey: verifier.publicKey })
  const ours = signatures.filter((line) => line.name === name && line.bytes.subarray(0, ID_BYTES).equals(id))
  if (ours.length === 0) throw new CheckpointError('audit_note_invalid', { about: 'no signature of the key' })
  const message = new TextEncoder().encode(text)
  for (const { bytes } of ours) {
    const isSigned =
      bytes.length === ID_BYTES + SIGNATURE_BYTES && (await verifier.verify(message, bytes.subarray(ID_BYTES)))
    if (!isSigned) throw new CheckpointError('audit_note_invalid', { about: 'signature' })
  }
  return text
}

interface SignatureLine {
  readonly name: string
  readonly bytes: Buffer
}

function parseNote(note: string): { text: string; signatures: SignatureLine[] } {
  const end = note.lastIndexOf('\n\n')
  const isNote =
    note.length <= MAX_NOTE_CHARACTERS && note.isWellFormed() && !hasControl(note) && end > 0 && note.endsWith('\n')
  if (!isNote) throw new CheckpointError('audit_note_invalid', { about: 'form' })
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw new CheckpointError('audit_note_invalid', { about: 'number of signatures' })
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) }
}

function parseSignature(line: string): SignatureLine {
  const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? []
  const bytes = Buffer.from(encoded ?? '', 'base64')
  // Node's decoder passes over what is not base64: only what encodes back is accepted.
  if (name === undefined || bytes.length <= ID_BYTES || bytes.toString('base64') !== encoded) {
    throw new CheckpointError('audit_note_invalid', { about: 'signature line' })
  }
  return { name, bytes }
}

/** Any control character below U+0020 other than newline. */
function hasControl(note: string): boolean {
  return Buffer.from(note).some((byte) => byte < SPACE && byte !== NEWLINE)
}
