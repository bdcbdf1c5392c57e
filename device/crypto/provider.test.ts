import { createHmac, hkdfSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createCryptoProvider } from './provider.ts'

const { subtle } = createCryptoProvider()

describe('the default provider', () => {
  it('derives as node:crypto does up to the limit of RFC 5869, and refuses beyond it', async () => {
    const [secret, salt, info] = [Buffer.from('secret'), Buffer.from('salt'), Buffer.from('info')]
    const key = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits'])
    const algorithm = { name: 'HKDF', hash: 'SHA-256', salt, info }
    for (const length of [1, 32, 42, 255 * 32]) {
      const made = Buffer.from(await subtle.deriveBits(algorithm, key, length * 8))
      expect(made.equals(Buffer.from(hkdfSync('sha256', secret, salt, info, length)))).toBe(true)
    }
    for (const bits of [255 * 256 + 8, 1_000_000, Number.NaN, Number.POSITIVE_INFINITY]) {
      const attempt = subtle.deriveBits(algorithm, key, bits)
      await expect(attempt).rejects.toMatchObject({ code: 'crypto_key_malformed' })
    }
  })

  it('makes the HMAC-SHA256 of node:crypto', async () => {
    const key = await subtle.importKey('raw', Buffer.from('key'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    const made = Buffer.from(await subtle.sign('HMAC', key, Buffer.from('message')))
    expect(made.equals(createHmac('sha256', 'key').update('message').digest())).toBe(true)
  })

  it('keeps a key unexportable that was imported so', async () => {
    const pair = await subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits'])
    await expect(subtle.exportKey('pkcs8', pair.privateKey)).rejects.toThrow()
    await expect(subtle.exportKey('jwk', pair.privateKey)).rejects.toThrow()
  })
})
