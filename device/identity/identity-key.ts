import { sha256 } from '../crypto/bulk.ts'
import { CryptoError } from '../crypto/errors.ts'
import { p256PointFromSpki, parseP256PrivateKey, spkiFromP256Point } from '../crypto/p256.ts'
import { pemFromDer } from '../crypto/pem.ts'
import type { CryptoKey, CryptoProvider } from '../crypto/provider.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' }

/** Makes an ECDSA P-256 key: PKCS#8 and SubjectPublicKeyInfo, both PEM. */
export async function generateIdentityKey(
  provider: CryptoProvider,
): Promise<{ privatePem: string; publicPem: string }> {
  const pair = await provider.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const [pkcs8, spki] = await Promise.all([
    provider.subtle.exportKey('pkcs8', pair.privateKey),
    provider.subtle.exportKey('spki', pair.publicKey),
  ])
  return {
    privatePem: pemFromDer(new Uint8Array(pkcs8), 'PRIVATE KEY'),
    publicPem: pemFromDer(new Uint8Array(spki), 'PUBLIC KEY'),
  }
}

export interface IdentityKeys {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly spki: Uint8Array
}

/** @throws CryptoError crypto_key_malformed */
export async function loadIdentityKeys(provider: CryptoProvider, privatePem: string): Promise<IdentityKeys> {
  const { pkcs8, point } = parseP256PrivateKey(privatePem)
  const spki = spkiFromP256Point(point)
  const privateKey = await provider.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign'])
  pkcs8.fill(0)
  return { privateKey, publicKey: await importIdentityPublicKey(provider, spki), spki }
}

/** @throws CryptoError crypto_key_malformed: not P-256, or not a point of the curve. */
export async function importIdentityPublicKey(provider: CryptoProvider, spki: Uint8Array): Promise<CryptoKey> {
  if (p256PointFromSpki(spki) === undefined) throw new CryptoError('crypto_key_malformed')
  return provider.subtle.importKey('spki', spki, ALGORITHM, true, ['verify'])
}

/** RFC 7093 section 2 method 1: the leftmost 160 bits of the SHA-256 of the key's bit string. Lowercase hex. */
export function keyIdentifier(spki: Uint8Array): string {
  const point = p256PointFromSpki(spki)
  if (point === undefined) throw new CryptoError('crypto_key_malformed')
  return sha256(point).subarray(0, 20).toString('hex')
}
