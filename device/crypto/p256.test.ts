import { createECDH, generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pkcs8FromScalar } from '../testkit/p256-keys.ts'
import { isP256Point, p256PointFromSpki, parseP256PrivateKey, spkiFromP256Point } from './p256.ts'
import { pemFromDer } from './pem.ts'

const ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
const malformed = expect.objectContaining({ name: 'CryptoError', code: 'crypto_key_malformed' })
const hex = (text: string) => Buffer.from(text, 'hex')
const pemOf = (scalar: string) => pemFromDer(pkcs8FromScalar(hex(scalar)), 'PRIVATE KEY')

function freshPoint(): Buffer {
  return createECDH('prime256v1').generateKeys()
}

describe('a P-256 point', () => {
  it('is taken uncompressed and on the curve, from SubjectPublicKeyInfo too', () => {
    for (let round = 0; round < 50; round++) {
      const point = freshPoint()
      expect(isP256Point(point)).toBe(true)
      expect(p256PointFromSpki(spkiFromP256Point(point))?.equals(point)).toBe(true)
    }
    const made = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' })
    expect(p256PointFromSpki(made)).toBeDefined()
  })

  it('is refused with any one bit changed', () => {
    const point = freshPoint()
    const spki = spkiFromP256Point(point)
    for (let bit = 0; bit < point.length * 8; bit++) expect(isP256Point(flip(point, bit))).toBe(false)
    for (let bit = 0; bit < spki.length * 8; bit++) expect(p256PointFromSpki(flip(spki, bit))).toBeUndefined()
  })

  it('is refused compressed, hybrid, at infinity, unreduced, or of another length or curve', () => {
    const point = freshPoint()
    const ecdh = createECDH('prime256v1')
    ecdh.generateKeys()
    const prime = 'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff'
    const attempts = [
      ecdh.getPublicKey(null, 'compressed'),
      ecdh.getPublicKey(null, 'hybrid'),
      Buffer.of(0),
      Buffer.alloc(65),
      Buffer.concat([Buffer.of(4), Buffer.alloc(64)]),
      hex(`04${prime}${'00'.repeat(32)}`),
      point.subarray(1),
      Buffer.concat([point, Buffer.of(0)]),
      Buffer.alloc(0),
      createECDH('secp256k1').generateKeys(),
      createECDH('secp384r1').generateKeys(),
    ]
    for (const attempt of attempts) expect(isP256Point(attempt)).toBe(false)
    fc.assert(fc.property(fc.uint8Array({ minLength: 64, maxLength: 66 }), (octets) => !isP256Point(octets)))
  })
})

describe('a P-256 private key', () => {
  it('gives its public half whether or not the file carries it', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const parsed = parseP256PrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    expect(spkiFromP256Point(parsed.point).equals(publicKey.export({ type: 'spki', format: 'der' }))).toBe(true)
    const one = parseP256PrivateKey(pemOf('01'))
    expect(one.point.subarray(1, 33).toString('hex')).toBe(
      '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296',
    )
  })

  it.each([
    ['nothing', ''],
    ['no PEM', 'MC4CAQAw'],
    ['a scalar of zero', pemOf('00')],
    ['the group order', pemOf(ORDER)],
    ['a scalar above the order', pemOf('ff'.repeat(32))],
    ['octets left over', pemFromDer(Buffer.concat([pkcs8FromScalar(hex('05')), Buffer.of(0)]), 'PRIVATE KEY')],
    ['a cut off key', pemFromDer(pkcs8FromScalar(hex('05')).subarray(0, -1), 'PRIVATE KEY')],
    ['the label of SEC 1', pemOf('05').replaceAll('PRIVATE KEY', 'EC PRIVATE KEY')],
    ['two keys', pemOf('05') + pemOf('06')],
    ['a public key', pemFromDer(spkiFromP256Point(freshPoint()), 'PUBLIC KEY')],
    ['another curve', pkcs8Pem('P-384')],
    ['secp256k1', pkcs8Pem('secp256k1')],
    ['a key that is not of an elliptic curve', ed25519Pem()],
    ['a passphrase', encryptedPem()],
    ['the public half of another key', mixedPem()],
  ])('is refused with %s', (_name, pem) => {
    expect(() => parseP256PrivateKey(pem)).toThrow(malformed)
  })
})

function flip(bytes: Buffer, bit: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[bit >> 3]! ^= 1 << (bit & 7)
  return changed
}

function pkcs8Pem(namedCurve: string): string {
  return generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function ed25519Pem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function encryptedPem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'test' })
    .toString()
    .replaceAll('ENCRYPTED PRIVATE', 'PRIVATE')
}

/** The scalar of one key beside the public half of another: both halves well-formed. */
function mixedPem(): string {
  const [one, other] = [0, 1].map(() =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'der' }),
  )
  return pemFromDer(Buffer.concat([one!.subarray(0, -64), other!.subarray(-64)]), 'PRIVATE KEY')
}
