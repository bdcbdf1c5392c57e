import { DER_INTEGER, derSequence } from './der.ts'
import { p256PointFromSpki } from './p256.ts'
import type { CryptoProvider } from './provider.ts'

const SCALAR_BYTES = 32

/**
 * Verifies an ECDSA P-256 SHA-256 signature as X.509 carries it: ECDSA-Sig-Value in DER (RFC 5480 appendix A, RFC 3279
 * section 2.2.3). Anything else, a malformed key included, is false.
 */
export async function isEcdsaSignature(
  provider: CryptoProvider,
  key: { spki: Uint8Array },
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const raw = rawEcdsaSignature(signature)
  if (raw === undefined || p256PointFromSpki(key.spki) === undefined) return false
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const publicKey = await provider.subtle.importKey('spki', key.spki, algorithm, true, ['verify'])
  return provider.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, publicKey, raw, message)
}

/**
 * ECDSA-Sig-Value in strict DER as the 64 bytes r || s that WebCrypto takes, or undefined. The certificate library's own
 * conversion also takes BER, trailing data and missing sign octets; signatures from outside come through here instead.
 */
export function rawEcdsaSignature(der: Uint8Array): Buffer | undefined {
  const scalars = derSequence(der)
  if (scalars?.length !== 2) return undefined
  const [r, s] = scalars.map((scalar) => (scalar.tag === DER_INTEGER ? unsigned(scalar.content) : undefined))
  return r === undefined || s === undefined ? undefined : Buffer.concat([r, s])
}

/** A positive DER integer (X.690 8.3.2: shortest form) of at most 256 bits, padded to 32 bytes. */
function unsigned(content: Buffer): Buffer | undefined {
  const [first, second] = content
  if (first === undefined || first >= 0x80) return undefined
  if (first === 0 && content.length > 1 && second !== undefined && second < 0x80) return undefined
  const magnitude = first === 0 ? content.subarray(1) : content
  if (magnitude.length > SCALAR_BYTES) return undefined
  return Buffer.concat([Buffer.alloc(SCALAR_BYTES - magnitude.length), magnitude])
}
