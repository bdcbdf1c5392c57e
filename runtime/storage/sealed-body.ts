import { aesGcmOpen, aesGcmSeal, NONCE_BYTES, sha256 } from '../../device/crypto/bulk.ts'
import type { Randomness } from '../../device/crypto/randomness.ts'
import { canonicalJson, type JsonObject, type JsonValue, parseCanonical } from '../../device/platform/canonical-json.ts'
import { StorageError } from './errors.ts'

/** What is sealed beside a leaf: who it is about, what it belongs to, and the content itself. */
export interface Body {
  readonly id: string
  /** Pseudonym of the subject. */
  readonly subject: string
  /** Id of the body this one is about: feedback names its decision. */
  readonly about?: string | undefined
  readonly content: JsonObject
}

export interface SealedBody {
  readonly id: string
  readonly subject: string
  readonly about: string | null
  readonly nonce: Uint8Array
  readonly sealed: Uint8Array
}

/** docs/audit-format.md §6: 256 bits, so that a commitment tells nothing about a body that can be guessed. */
const SALT_BYTES = 32
const COMMITMENT_PREFIX = Uint8Array.of(0x03)
const AAD_LABEL = 'wardstone/v1/body'

/**
 * Seals a body under its subject's key and makes the commitment its leaf carries. The plaintext is salt ‖ canonical JSON,
 * and the commitment SHA-256(0x03 ‖ plaintext): the salt has a fixed length, so there is one way to read it.
 * @returns the commitment in lowercase hex
 * @throws PlatformError json_malformed for content that I-JSON cannot carry
 */
export function sealBody(body: Body, key: Uint8Array, randomness: Randomness): { row: SealedBody; commitment: string } {
  const drawn = randomness.bytes(SALT_BYTES + NONCE_BYTES)
  const plaintext = saltedText(drawn.subarray(0, SALT_BYTES), canonicalJson(body))
  const nonce = drawn.subarray(SALT_BYTES)
  const sealed = aesGcmSeal(key, nonce, plaintext, associatedData(body))
  const row = { id: body.id, subject: body.subject, about: body.about ?? null, nonce, sealed }
  return { row, commitment: commitmentOf(plaintext) }
}

/**
 * Opens a sealed body and checks that its columns are the ones that were sealed with it.
 * @returns the body, its commitment in lowercase hex, and the salt under which the commitment was made
 * @throws StorageError storage_body_damaged
 */
export function openBody(row: SealedBody, key: Uint8Array): { body: Body; commitment: string; salt: Uint8Array } {
  try {
    const plaintext = aesGcmOpen(key, row.nonce, row.sealed, associatedData(row))
    const body = parseBody(parseCanonical(plaintext.subarray(SALT_BYTES)))
    if (body.id !== row.id || body.subject !== row.subject || (body.about ?? null) !== row.about) {
      throw new StorageError('storage_body_damaged')
    }
    return { body, commitment: commitmentOf(plaintext), salt: plaintext.subarray(0, SALT_BYTES) }
  } catch (cause) {
    throw new StorageError('storage_body_damaged', { cause })
  }
}

/** Written where it is sealed: a record that holds a tensor is not copied once more. */
function saltedText(salt: Uint8Array, text: string): Buffer {
  const size = Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafeSlow(SALT_BYTES + size)
  bytes.set(salt)
  // As many bytes as signs: all of them ASCII, which is written faster.
  bytes.write(text, SALT_BYTES, size === text.length ? 'latin1' : 'utf8')
  return bytes
}

function commitmentOf(plaintext: Uint8Array): string {
  return sha256(COMMITMENT_PREFIX, plaintext).toString('hex')
}

/** Binds the ciphertext to its row; neither name may hold a zero byte, so the encoding is unambiguous. */
function associatedData(row: { readonly id: string; readonly subject: string }): Buffer {
  return Buffer.from(`${AAD_LABEL}\0${row.subject}\0${row.id}`)
}

function parseBody(value: JsonValue): Body {
  if (!isObject(value)) throw new StorageError('storage_body_damaged')
  const { id, subject, about, content } = value
  if (typeof id !== 'string' || typeof subject !== 'string' || content === undefined || !isObject(content)) {
    throw new StorageError('storage_body_damaged')
  }
  if (about !== undefined && typeof about !== 'string') throw new StorageError('storage_body_damaged')
  return { id, subject, about, content }
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
