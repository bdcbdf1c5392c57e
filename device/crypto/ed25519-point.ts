import { littleEndian, modularPower, modulo } from './modular.ts'

const P = 2n ** 255n - 19n
const D = modulo(-121665n * modularPower(121666n, P - 2n, P), P)

/**
 * True when 32 bytes are an Ed25519 public key worth trusting: a canonical encoding of a point on the curve (RFC 8032
 * section 5.1.3) that is not of small order. Under a small-order key (32 zero octets are one) signatures can be made without any
 * private key, and not every provider refuses them.
 */
export function isEd25519PublicKey(raw: Uint8Array): boolean {
  if (raw.length !== 32) return false
  const encoded = littleEndian(raw)
  const sign = encoded >> 255n
  const y = encoded & (2n ** 255n - 1n)
  if (y >= P || isSmallOrder(y)) return false
  const y2 = modulo(y * y, P)
  const numerator = modulo(y2 - 1n, P)
  const x2 = modulo(numerator * modularPower(D * y2 + 1n, P - 2n, P), P)
  if (x2 === 0n) return sign === 0n
  return modularPower(x2, (P - 1n) / 2n, P) === 1n
}

/**
 * Order 1 and 2: y = 1, -1. Order 4: y = 0. Order 8: doubling gives y = 0, hence x^2 = -y^2, and with the curve equation
 * -x^2 + y^2 = 1 + d x^2 y^2 this is d y^4 + 2 y^2 = 1.
 */
function isSmallOrder(y: bigint): boolean {
  const y2 = modulo(y * y, P)
  return y === 0n || y2 === 1n || modulo(D * y2 * y2 + 2n * y2, P) === 1n
}
