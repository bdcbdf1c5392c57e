import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isEcdsaSignature, rawEcdsaSignature } from './ecdsa.ts'
import { createCryptoProvider } from './provider.ts'

const provider = createCryptoProvider()
const hex = (text: string) => Buffer.from(text, 'hex')

describe('ECDSA P-256 SHA-256 in DER', () => {
  it('agrees with node:crypto, for signatures of every length', async () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const spki = keys.publicKey.export({ type: 'spki', format: 'der' })
    const lengths = new Set<number>()
    for (let round = 0; round < 300; round++) {
      const message = Buffer.from(`message ${round}`)
      const signature = sign('sha256', message, keys.privateKey)
      lengths.add(signature.length)
      expect(await isEcdsaSignature(provider, { spki }, message, signature)).toBe(true)
    }
    expect(lengths.size).toBeGreaterThan(2)
  })

  it('is false for a changed message, key or any bit of the signature', async () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' })
    const spki = keys.publicKey.export({ type: 'spki', format: 'der' })
    const [message, signature] = [Buffer.from('request'), sign('sha256', Buffer.from('request'), keys.privateKey)]
    expect(await isEcdsaSignature(provider, { spki }, Buffer.from('requesT'), signature)).toBe(false)
    expect(await isEcdsaSignature(provider, { spki: other }, message, signature)).toBe(false)
    expect(await isEcdsaSignature(provider, { spki: Buffer.alloc(91) }, message, signature)).toBe(false)
    for (let bit = 0; bit < signature.length * 8; bit++) {
      const changed = Buffer.from(signature)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      expect(await isEcdsaSignature(provider, { spki }, message, changed)).toBe(false)
    }
  })

  it.each([
    ['a negative integer', '300602018102 0101'],
    ['an integer with a needless zero', '30070202000102 0101'],
    ['an empty integer', '3005020002 0101'],
    ['a third element', '3009020101020101020101'],
    ['one element', '3003020101'],
    ['an octet string for an integer', '3006040101020101'],
    ['trailing data', '300602010102010100'],
    ['BER length', '308106020101020101'],
    ['a scalar of 33 octets', `3026022101${'00'.repeat(32)}020101`],
  ])('refuses %s', (_name, text) => {
    expect(rawEcdsaSignature(hex(text.replaceAll(' ', '')))).toBeUndefined()
  })

  it('pads scalars to 64 bytes and takes any octets without an error', () => {
    expect(rawEcdsaSignature(hex('3006020101020102'))?.toString('hex')).toBe(`${'00'.repeat(31)}01${'00'.repeat(31)}02`)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
        const raw = rawEcdsaSignature(octets)
        return raw === undefined || raw.length === 64
      }),
    )
  })
})
