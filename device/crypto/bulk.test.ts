import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { aesGcmOpen, aesGcmSeal, hkdfSha256, sha256 } from './bulk.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

describe('SHA-256', () => {
  it('gives the FIPS 180-4 example, in one part or several', () => {
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(sha256('abc').toString('hex')).toBe(expected)
    expect(sha256('a', Buffer.from('b'), 'c').toString('hex')).toBe(expected)
  })
})

describe('HKDF-SHA256', () => {
  it('gives RFC 5869 test cases 1 and 3', () => {
    const secret = Buffer.alloc(22, 0x0b)
    expect(hkdfSha256(secret, hex('000102030405060708090a0b0c'), hex('f0f1f2f3f4f5f6f7f8f9'), 42).toString('hex')).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    )
    expect(hkdfSha256(secret, Buffer.alloc(0), Buffer.alloc(0), 42).toString('hex')).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    )
  })
})

describe('AES-256-GCM', () => {
  it('gives test cases 13 and 14 of the GCM submission to NIST', () => {
    const sealed = (plaintext: Buffer) => aesGcmSeal(Buffer.alloc(32), Buffer.alloc(12), plaintext).toString('hex')
    expect(sealed(Buffer.alloc(0))).toBe('530f8afbc74536b9a963b4f1c4cb738b')
    expect(sealed(Buffer.alloc(16))).toBe('cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919')
  })

  it('opens what it sealed, and nothing with one bit changed', () => {
    const message = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(bytes(32), bytes(12), message, message, fc.nat(), (key, nonce, plaintext, aad, at) => {
        const sealed = aesGcmSeal(key, nonce, plaintext, aad)
        expect(aesGcmOpen(key, nonce, sealed, aad).equals(plaintext)).toBe(true)
        const bit = at % (sealed.length * 8)
        sealed[bit >> 3]! ^= 1 << (bit & 7)
        expect(() => aesGcmOpen(key, nonce, sealed, aad)).toThrow(code('crypto_authentication_failed'))
      }),
    )
  })

  it('refuses other associated data, a truncated tag, and every length short of a tag', () => {
    const [key, nonce] = [Buffer.alloc(32, 1), Buffer.alloc(12, 2)]
    const sealed = aesGcmSeal(key, nonce, Buffer.from('weights'), Buffer.from('a'))
    const attempts = [
      () => aesGcmOpen(key, nonce, sealed, Buffer.from('b')),
      () => aesGcmOpen(key, nonce, sealed),
      ...Array.from({ length: sealed.length }, (_, length) => () => {
        aesGcmOpen(key, nonce, sealed.subarray(0, length), Buffer.from('a'))
      }),
    ]
    for (const attempt of attempts) expect(attempt).toThrow(code('crypto_authentication_failed'))
  })

  it('refuses keys and nonces of any other size', () => {
    for (const [key, nonce] of [
      [16, 12],
      [24, 12],
      [31, 12],
      [33, 12],
      [0, 12],
      [32, 0],
      [32, 8],
      [32, 11],
      [32, 13],
      [32, 16],
    ] as const) {
      const sizes = [Buffer.alloc(key), Buffer.alloc(nonce)] as const
      expect(() => aesGcmSeal(...sizes, Buffer.alloc(1))).toThrow(code('crypto_key_malformed'))
      expect(() => aesGcmOpen(...sizes, Buffer.alloc(17))).toThrow(code('crypto_key_malformed'))
    }
  })
})

function code(expected: string) {
  return expect.objectContaining({ name: 'CryptoError', code: expected })
}
