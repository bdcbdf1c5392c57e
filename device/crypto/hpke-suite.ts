import { type AeadInterface, Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core'
import { CryptoError } from './errors.ts'
import type { CryptoProvider } from './provider.ts'

/**
 * The HPKE suite of the house (RFC 9180): DHKEM(P-256, HKDF-SHA256) 0x0010, HKDF-SHA256 0x0001, AES-256-GCM 0x0002, with every
 * primitive done by the given provider. The other AEADs of the RFC's test vectors come in through `aead`; only tests pass one.
 *
 * The library would load the global WebCrypto on first use into `_api` of each of its parts. Here, and nowhere else, that slot
 * is filled before first use, so that a private key may be a handle into a token.
 */
export function createHpkeSuite(provider: CryptoProvider, aead: AeadInterface = new Aes256Gcm()): CipherSuite {
  const kem = new DhkemP256HkdfSha256()
  const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: seamAead(provider, aead) })
  for (const part of [suite, suite.kdf, slot(kem, '_prim'), slot(kem, '_kdf')]) useProvider(part, provider)
  return suite
}

function seamAead(provider: CryptoProvider, aead: AeadInterface): AeadInterface {
  return {
    id: aead.id,
    keySize: aead.keySize,
    nonceSize: aead.nonceSize,
    tagSize: aead.tagSize,
    createEncryptionContext(key) {
      const context = aead.createEncryptionContext(key)
      useProvider(context, provider)
      return context
    },
  }
}

/** @throws CryptoError crypto_provider_unusable when the library no longer has the slot: it would then use the global WebCrypto. */
function useProvider(part: unknown, provider: CryptoProvider): void {
  if (typeof part !== 'object' || part === null || !('_api' in part)) throw new CryptoError('crypto_provider_unusable')
  part._api = provider.subtle
}

function slot(owner: object, name: string): unknown {
  return Reflect.get(owner, name)
}
