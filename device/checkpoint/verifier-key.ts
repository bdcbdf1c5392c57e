import { pemFromDer } from '../crypto/pem.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { loadVerifier, type Verifier } from '../crypto/signing.ts'
import { CheckpointError } from './errors.ts'
import { verifierKeyText, verifyKeyName } from './signed-note.ts'

/** SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const KEY_BYTES = 32
const FORM = /^([^+]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/]+={0,2})$/

/** A log's key as others hold it: under its name, ready to verify. */
export interface NamedVerifier {
  readonly name: string
  readonly verifier: Verifier
}

/**
 * Reads a key in the vkey form of C2SP signed-note, `name+id+key`; only what {@link verifierKeyText} writes is accepted.
 * @throws CheckpointError audit_note_invalid, CryptoError crypto_key_malformed
 */
export async function loadVerifierKey(provider: CryptoProvider, text: string): Promise<NamedVerifier> {
  const [, name = '', encoded = ''] = FORM.exec(text) ?? []
  verifyKeyName(name)
  const publicKey = Buffer.from(encoded, 'base64').subarray(1)
  // The id and the type byte are computed again and compared with the text as a whole.
  if (publicKey.length !== KEY_BYTES || verifierKeyText({ name, publicKey }) !== text) {
    throw new CheckpointError('audit_note_invalid', { about: 'verifier key' })
  }
  const spki = new Uint8Array(Buffer.concat([SPKI_PREFIX, publicKey]))
  return { name, verifier: await loadVerifier(provider, pemFromDer(spki, 'PUBLIC KEY')) }
}
