import { createPrivateKey, createPublicKey } from 'node:crypto'
import { sha256 } from './bulk.ts'
import { isEd25519PublicKey } from './ed25519-point.ts'
import { CryptoError } from './errors.ts'
import { derFromPem, pemFromDer } from './pem.ts'
import type { CryptoProvider } from './provider.ts'

/** Ed25519 (RFC 8032), keys as RFC 8410 has them. keyId = lowercase hex SHA-256 of the SubjectPublicKeyInfo DER. */
export interface Signer {
  readonly keyId: string
  /** 64 bytes over the message itself (pure Ed25519, no prehash). */
  sign(message: Uint8Array): Promise<Uint8Array>
}

export interface Verifier {
  readonly keyId: string
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** False for every signature that is not one, whatever its length. */
  verify(message: Uint8Array, signature: Uint8Array): Promise<boolean>
}

const ALGORITHM = { name: 'Ed25519' }
const SIGNATURE_BYTES = 64
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SEED_BYTES = 32

export async function generateSigningKey(provider: CryptoProvider): Promise<{ privatePem: string; publicPem: string }> {
  const pair = await provider.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  if (!('privateKey' in pair)) throw new CryptoError('crypto_key_malformed')
  const [pkcs8, spki] = await Promise.all([
    provider.subtle.exportKey('pkcs8', pair.privateKey),
    provider.subtle.exportKey('spki', pair.publicKey),
  ])
  return {
    privatePem: pemFromDer(new Uint8Array(pkcs8), 'PRIVATE KEY'),
    publicPem: pemFromDer(new Uint8Array(spki), 'PUBLIC KEY'),
  }
}

/** @throws CryptoError crypto_key_malformed: not an Ed25519 PKCS#8 key in the RFC 8410 form without attributes. */
export async function loadSigner(provider: CryptoProvider, privatePem: string): Promise<Signer> {
  const pkcs8 = derFromPem(privatePem, 'PRIVATE KEY')
  if (pkcs8?.length !== PKCS8_PREFIX.length + SEED_BYTES || !startsWith(pkcs8, PKCS8_PREFIX)) {
    throw new CryptoError('crypto_key_malformed')
  }
  const publicKey = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))
  const keyId = keyIdOf(publicKey.export({ format: 'der', type: 'spki' }))
  const key = await provider.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign'])
  pkcs8.fill(0)
  return {
    keyId,
    sign: async (message) => new Uint8Array(await provider.subtle.sign(ALGORITHM, key, message)),
  }
}

/** @throws CryptoError crypto_key_malformed: not an Ed25519 key, not a point of the curve, or one of small order. */
export async function loadVerifier(provider: CryptoProvider, publicPem: string): Promise<Verifier> {
  const spki = derFromPem(publicPem, 'PUBLIC KEY')
  if (spki === undefined || !startsWith(spki, SPKI_PREFIX)) throw new CryptoError('crypto_key_malformed')
  const publicKey = Uint8Array.from(spki.subarray(SPKI_PREFIX.length))
  if (!isEd25519PublicKey(publicKey)) throw new CryptoError('crypto_key_malformed')
  const key = await provider.subtle.importKey('spki', spki, ALGORITHM, true, ['verify'])
  return {
    keyId: keyIdOf(spki),
    publicKey,
    verify: async (message, signature) =>
      signature.length === SIGNATURE_BYTES && provider.subtle.verify(ALGORITHM, key, signature, message),
  }
}

function keyIdOf(spki: Uint8Array): string {
  return sha256(spki).toString('hex')
}

function startsWith(bytes: Buffer, prefix: Buffer): boolean {
  return bytes.subarray(0, prefix.length).equals(prefix)
}
