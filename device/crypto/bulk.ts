import { createCipheriv, createDecipheriv, createHash, createSecretKey, hkdfSync } from 'node:crypto'
import { CryptoError } from './errors.ts'

/** Bulk work goes to node:crypto (OpenSSL): hashing, HKDF and AES-256-GCM. Keys that may live in a token use the seam. */
export const KEY_BYTES = 32
export const NONCE_BYTES = 12
export const TAG_BYTES = 16

export function sha256(...parts: (Uint8Array | string)[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/**
 * HKDF-SHA256, RFC 5869. Here and below the key is made an object first: node finds out by an exception that bytes are none, which
 * takes longer than the rest.
 */
export function hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, lengthBytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', createSecretKey(secret), salt, info, lengthBytes))
}

/** AES-256-GCM (NIST SP 800-38D), 96-bit nonce; returns ciphertext ‖ 128-bit tag. The caller owns nonce uniqueness. */
export function aesGcmSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad?: Uint8Array): Buffer {
  requireSizes(key, nonce)
  const cipher = createCipheriv('aes-256-gcm', createSecretKey(key), nonce)
  if (aad !== undefined) cipher.setAAD(aad)
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

/** @throws CryptoError crypto_authentication_failed; nothing of the plaintext is released before the tag has been checked. */
export function aesGcmOpen(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad?: Uint8Array): Buffer {
  requireSizes(key, nonce)
  if (sealed.length < TAG_BYTES) throw new CryptoError('crypto_authentication_failed')
  const decipher = createDecipheriv('aes-256-gcm', createSecretKey(key), nonce, { authTagLength: TAG_BYTES })
  if (aad !== undefined) decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  const opened = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES))
  try {
    return Buffer.concat([opened, decipher.final()])
  } catch (cause) {
    throw new CryptoError('crypto_authentication_failed', { cause })
  }
}

function requireSizes(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== KEY_BYTES || nonce.length !== NONCE_BYTES) throw new CryptoError('crypto_key_malformed')
}
