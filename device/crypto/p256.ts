import { createECDH, createPrivateKey } from 'node:crypto'
import { derElements } from './der.ts'
import { CryptoError } from './errors.ts'
import { bigEndian, modulo } from './modular.ts'
import { derFromPem } from './pem.ts'

/** NIST P-256 (SP 800-186 section 3.2.1.3): y^2 = x^3 - 3x + b over GF(p). */
const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn
export const P256_POINT_BYTES = 65

/** SubjectPublicKeyInfo of id-ecPublicKey on prime256v1 (RFC 5480) up to the uncompressed point: the only form we read or write. */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')

/**
 * True for an uncompressed point that is on the curve (SEC 1 section 3.2.2.1 partial validation; the group has prime order,
 * so there is no small subgroup). Compressed and hybrid encodings are refused: one key has one encoding here.
 */
export function isP256Point(raw: Uint8Array): boolean {
  if (raw.length !== P256_POINT_BYTES || raw[0] !== 0x04) return false
  const x = bigEndian(raw.subarray(1, 33))
  const y = bigEndian(raw.subarray(33))
  if (x >= P || y >= P) return false
  return modulo(y * y - (x * x * x - 3n * x + B), P) === 0n
}

export function spkiFromP256Point(point: Uint8Array): Buffer {
  return Buffer.concat([SPKI_PREFIX, point])
}

/** The valid point of a P-256 SubjectPublicKeyInfo, or undefined. */
export function p256PointFromSpki(spki: Uint8Array): Buffer | undefined {
  const point = Buffer.from(spki.subarray(SPKI_PREFIX.length))
  return spkiFromP256Point(point).equals(spki) && isP256Point(point) ? point : undefined
}

export interface P256PrivateKey {
  readonly pkcs8: Buffer
  /** The public half, uncompressed. */
  readonly point: Buffer
}

/**
 * Reads a P-256 private key from PKCS#8 PEM and derives its public half, which the file may carry but is not believed.
 * @throws CryptoError crypto_key_malformed: another form or curve, a scalar outside 1..n-1, a public half of another key.
 */
export function parseP256PrivateKey(privatePem: string): P256PrivateKey {
  const der = derFromPem(privatePem, 'PRIVATE KEY')
  if (der === undefined || derElements(der)?.length !== 1) throw new CryptoError('crypto_key_malformed')
  try {
    return readPrivateKey(der)
  } catch (cause) {
    throw new CryptoError('crypto_key_malformed', { cause })
  }
}

function readPrivateKey(der: Buffer): P256PrivateKey {
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new CryptoError('crypto_key_malformed')
  const { d = '', x = '', y = '' } = key.export({ format: 'jwk' })
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(Buffer.from(d, 'base64url'))
  const point = ecdh.getPublicKey()
  const carried = Buffer.concat([Buffer.of(0x04), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  if (!point.equals(carried)) throw new CryptoError('crypto_key_malformed')
  return { pkcs8: key.export({ format: 'der', type: 'pkcs8' }), point }
}
