import type { webcrypto } from 'node:crypto'
import { Crypto } from '@peculiar/webcrypto'
import { CryptoError } from './errors.ts'

/**
 * The one seam to keyed cryptography: any WebCrypto `Crypto`. Keys in files use {@link createCryptoProvider}; a box whose keys
 * live in a PKCS#11 token passes another provider and changes nothing else.
 */
export type CryptoProvider = webcrypto.Crypto
export type CryptoKey = webcrypto.CryptoKey

const HKDF_MAX_BLOCKS = 255
const SHA256_BITS = 256

/** The provider for keys kept in files. The global `crypto` is never used: it cannot be replaced by a token. */
export function createCryptoProvider(): CryptoProvider {
  const provider: CryptoProvider = new Crypto()
  boundHkdf(provider.subtle)
  return provider
}

/**
 * RFC 5869 section 2.3: L <= 255 * HashLen. The library's counter wraps silently beyond that and repeats key stream; here
 * the limit of the smallest hash we use holds for all.
 */
function boundHkdf(subtle: webcrypto.SubtleCrypto): void {
  const deriveBits = subtle.deriveBits.bind(subtle)
  subtle.deriveBits = async (algorithm: webcrypto.EcdhKeyDeriveParams | webcrypto.HkdfParams, baseKey, length) => {
    if ('public' in algorithm) return deriveBits(algorithm, baseKey, length)
    const bits = length ?? Number.NaN
    if (!(bits <= HKDF_MAX_BLOCKS * SHA256_BITS))
      throw new CryptoError('crypto_key_malformed', { about: 'HKDF length' })
    return deriveBits(algorithm, baseKey, bits)
  }
}
