import { createCipheriv, createECDH, createHmac } from 'node:crypto'

/** What a second, independent writing of RFC 9180 base mode with DHKEM(P-256, HKDF-SHA256) and HKDF-SHA256 works out. */
export interface ReferenceSeal {
  readonly sharedSecret: Buffer
  readonly key: Buffer
  readonly baseNonce: Buffer
  readonly exporterSecret: Buffer
  readonly ciphertext: Buffer
}

/** AES-GCM of section 7.3 by its AEAD identifier. */
const AEADS = { 1: { cipher: 'aes-128-gcm', keyBytes: 16 }, 2: { cipher: 'aes-256-gcm', keyBytes: 32 } } as const

/**
 * Seals the first message of a context, written straight from the RFC on node:crypto alone, so that the house's suite (whose
 * AES-256-GCM the RFC lists for another KEM only) has a known answer. Slow and for tests.
 */
export function referenceSeal(input: {
  readonly aead: keyof typeof AEADS
  readonly ephemeralScalar: Buffer
  readonly recipientPoint: Buffer
  readonly info: Buffer
  readonly plaintext: Buffer
  readonly aad: Buffer
}): ReferenceSeal {
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(input.ephemeralScalar)
  const kem = Buffer.concat([Buffer.from('KEM'), twoBytes(0x0010)])
  const context = Buffer.concat([ecdh.getPublicKey(), input.recipientPoint])
  const eaePrk = labeledExtract(kem, Buffer.alloc(0), 'eae_prk', ecdh.computeSecret(input.recipientPoint))
  const sharedSecret = labeledExpand(kem, eaePrk, 'shared_secret', context, 32)
  return schedule(input, sharedSecret)
}

function schedule(input: Parameters<typeof referenceSeal>[0], sharedSecret: Buffer): ReferenceSeal {
  const { cipher, keyBytes } = AEADS[input.aead]
  const suite = Buffer.concat([Buffer.from('HPKE'), twoBytes(0x0010), twoBytes(0x0001), twoBytes(input.aead)])
  const empty = Buffer.alloc(0)
  const context = Buffer.concat([
    Buffer.of(0x00),
    labeledExtract(suite, empty, 'psk_id_hash', empty),
    labeledExtract(suite, empty, 'info_hash', input.info),
  ])
  const secret = labeledExtract(suite, sharedSecret, 'secret', empty)
  const key = labeledExpand(suite, secret, 'key', context, keyBytes)
  const baseNonce = labeledExpand(suite, secret, 'base_nonce', context, 12)
  const exporterSecret = labeledExpand(suite, secret, 'exp', context, 32)
  const seal = createCipheriv(cipher, key, baseNonce)
  seal.setAAD(input.aad)
  const ciphertext = Buffer.concat([seal.update(input.plaintext), seal.final(), seal.getAuthTag()])
  return { sharedSecret, key, baseNonce, exporterSecret, ciphertext }
}

function labeledExtract(suite: Buffer, salt: Buffer, label: string, secret: Buffer): Buffer {
  return hmac(salt, Buffer.concat([Buffer.from('HPKE-v1'), suite, Buffer.from(label), secret]))
}

/** HKDF-Expand for at most one block (32 bytes): all that this suite asks for. */
function labeledExpand(suite: Buffer, secret: Buffer, label: string, info: Buffer, lengthBytes: number): Buffer {
  const labeled = Buffer.concat([twoBytes(lengthBytes), Buffer.from('HPKE-v1'), suite, Buffer.from(label), info])
  return hmac(secret, Buffer.concat([labeled, Buffer.of(1)])).subarray(0, lengthBytes)
}

function hmac(key: Buffer, message: Buffer): Buffer {
  return createHmac('sha256', key).update(message).digest()
}

function twoBytes(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff)
}
