import { CryptoError } from './errors.ts'
import { createHpkeSuite } from './hpke-suite.ts'
import { isP256Point, parseP256PrivateKey } from './p256.ts'
import { pemFromDer } from './pem.ts'
import type { CryptoKey, CryptoProvider } from './provider.ts'

/** A small secret sealed to one recipient: RFC 9180 base mode, single shot, empty AAD. */
export interface WrappedKey {
  /** The encapsulated key: an uncompressed P-256 point, 65 bytes. */
  readonly enc: Uint8Array
  /** Ciphertext followed by the 16-byte tag. */
  readonly ciphertext: Uint8Array
}

export interface HpkeRecipient {
  /** Uncompressed P-256 point, 65 bytes. */
  readonly publicKey: Uint8Array
  /** @throws CryptoError crypto_hpke_failed for every other key, context, or altered byte, without saying which. */
  open(wrapped: WrappedKey, info: Uint8Array): Promise<Uint8Array>
}

const ALGORITHM = { name: 'ECDH', namedCurve: 'P-256' }
const MAX_PLAINTEXT_BYTES = 4096
const MAX_INFO_BYTES = 4096
const TAG_BYTES = 16

export async function generateHpkeKey(
  provider: CryptoProvider,
): Promise<{ privatePem: string; publicKey: Uint8Array }> {
  const pair = await provider.subtle.generateKey(ALGORITHM, true, ['deriveBits'])
  const [pkcs8, point] = await Promise.all([
    provider.subtle.exportKey('pkcs8', pair.privateKey),
    provider.subtle.exportKey('raw', pair.publicKey),
  ])
  return { privatePem: pemFromDer(new Uint8Array(pkcs8), 'PRIVATE KEY'), publicKey: new Uint8Array(point) }
}

/** @throws CryptoError crypto_key_malformed */
export async function loadHpkeRecipient(provider: CryptoProvider, privatePem: string): Promise<HpkeRecipient> {
  const { pkcs8, point } = parseP256PrivateKey(privatePem)
  const privateKey = await provider.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['deriveBits'])
  pkcs8.fill(0)
  return createHpkeRecipient(provider, privateKey, point)
}

/**
 * A recipient over a private key that may be a handle: nothing here exports it. Its public half is passed in, because from the
 * private half alone the library would export it or, failing that, guess the sign of y.
 * @throws CryptoError crypto_key_malformed
 */
export async function createHpkeRecipient(
  provider: CryptoProvider,
  privateKey: CryptoKey,
  point: Uint8Array,
): Promise<HpkeRecipient> {
  const recipientKey = { privateKey, publicKey: await importPoint(provider, point) }
  return {
    publicKey: Uint8Array.from(point),
    open: async ({ enc, ciphertext }, info) => {
      // RFC 9180 section 7.1.4: the encapsulated key is validated before it meets the private key.
      const isSized = ciphertext.length >= TAG_BYTES && areSized(ciphertext.length - TAG_BYTES, info.length)
      if (!isSized || !isP256Point(enc)) throw new CryptoError('crypto_hpke_failed')
      try {
        return new Uint8Array(await createHpkeSuite(provider).open({ recipientKey, enc, info }, ciphertext))
      } catch (cause) {
        throw new CryptoError('crypto_hpke_failed', { cause })
      }
    },
  }
}

/**
 * Seals at most 4,096 bytes, in a context of at most 4,096, to a recipient with a fresh ephemeral key.
 * @throws CryptoError crypto_key_malformed (recipient), crypto_hpke_failed (plaintext or info too long)
 */
export async function hpkeSeal(
  provider: CryptoProvider,
  recipientPublicKey: Uint8Array,
  info: Uint8Array,
  plaintext: Uint8Array,
): Promise<WrappedKey> {
  const key = await importPoint(provider, recipientPublicKey)
  if (!areSized(plaintext.length, info.length)) throw new CryptoError('crypto_hpke_failed', { about: 'length' })
  try {
    const { enc, ct } = await createHpkeSuite(provider).seal({ recipientPublicKey: key, info }, plaintext)
    return { enc: new Uint8Array(enc), ciphertext: new Uint8Array(ct) }
  } catch (cause) {
    throw new CryptoError('crypto_hpke_failed', { cause })
  }
}

function areSized(plaintextBytes: number, infoBytes: number): boolean {
  return plaintextBytes <= MAX_PLAINTEXT_BYTES && infoBytes <= MAX_INFO_BYTES
}

async function importPoint(provider: CryptoProvider, point: Uint8Array): Promise<CryptoKey> {
  if (!isP256Point(point)) throw new CryptoError('crypto_key_malformed')
  return provider.subtle.importKey('raw', point, ALGORITHM, true, [])
}
