import { generateKeyPairSync } from 'node:crypto'
import { Aes128Gcm } from '@hpke/core'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ReferenceSeal, referenceSeal } from '../testkit/hpke-reference.ts'
import { pkcs8FromScalar } from '../testkit/p256-keys.ts'
import { watchProvider } from '../testkit/watched-provider.ts'
import { CryptoError } from './errors.ts'
import { createHpkeRecipient, generateHpkeKey, hpkeSeal, loadHpkeRecipient, type WrappedKey } from './hpke.ts'
import { createHpkeSuite } from './hpke-suite.ts'
import { parseP256PrivateKey } from './p256.ts'
import { pemFromDer } from './pem.ts'
import { type CryptoProvider, createCryptoProvider } from './provider.ts'

const provider = createCryptoProvider()
const failed = { name: 'CryptoError', code: 'crypto_hpke_failed' }
const malformed = { name: 'CryptoError', code: 'crypto_key_malformed' }
const hex = (text: string) => Buffer.from(text, 'hex')
const info = Buffer.from('suite, device, manifest, counter')
const contentKey = Buffer.alloc(32, 0x5c)

/** RFC 9180 appendix A.3.1.1, first encryption: our KEM and KDF with AES-128-GCM. */
const rfc9180 = {
  ephemeral: '4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb',
  recipient: 'f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2',
  info: '4f6465206f6e2061204772656369616e2055726e',
  plaintext: '4265617574792069732074727574682c20747275746820626561757479',
  aad: '436f756e742d30',
  sharedSecret: 'c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8',
  key: '868c066ef58aae6dc589b6cfdd18f97e',
  baseNonce: '4e0bc5018beba4bf004cca59',
  exporterSecret: '14ad94af484a7ad3ef40e9f3be99ecc6fa9036df9d4920548424df127ee0d99f',
  ciphertext: '5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434',
}

afterEach(() => vi.unstubAllGlobals())

describe('HPKE of the house', () => {
  it('opens what was sealed, for any key, context and plaintext up to 4,096 bytes', async () => {
    const { privatePem, publicKey } = await generateHpkeKey(provider)
    const recipient = await loadHpkeRecipient(provider, privatePem)
    expect(recipient.publicKey).toEqual(publicKey)
    const octets = fc.uint8Array({ maxLength: 300 })
    await fc.assert(
      fc.asyncProperty(octets, octets, async (context, plaintext) => {
        const wrapped = await hpkeSeal(provider, publicKey, context, plaintext)
        expect(wrapped.enc.length).toBe(65)
        expect(wrapped.ciphertext.length).toBe(plaintext.length + 16)
        expect(await recipient.open(wrapped, context)).toEqual(Uint8Array.from(plaintext))
      }),
      { numRuns: 30 },
    )
    const largest = await hpkeSeal(provider, publicKey, info, Buffer.alloc(4096))
    expect((await recipient.open(largest, info)).length).toBe(4096)
  })

  it('draws a fresh ephemeral key each time', async () => {
    const { publicKey } = await generateHpkeKey(provider)
    const [one, other] = [await seal(publicKey), await seal(publicKey)]
    expect(one.enc).not.toEqual(other.enc)
    expect(one.ciphertext).not.toEqual(other.ciphertext)
  })

  it('refuses every flipped bit of enc and ciphertext, and every other length, with one code', async () => {
    const { recipient, wrapped } = await sealed()
    for (let bit = 0; bit < wrapped.enc.length * 8; bit++) {
      await expect(recipient.open({ ...wrapped, enc: flip(wrapped.enc, bit) }, info)).rejects.toMatchObject(failed)
    }
    for (let bit = 0; bit < wrapped.ciphertext.length * 8; bit++) {
      const changed = { ...wrapped, ciphertext: flip(wrapped.ciphertext, bit) }
      await expect(recipient.open(changed, info)).rejects.toMatchObject(failed)
    }
    for (let length = 0; length < wrapped.ciphertext.length; length++) {
      const cut = { ...wrapped, ciphertext: wrapped.ciphertext.subarray(0, length) }
      await expect(recipient.open(cut, info)).rejects.toMatchObject(failed)
    }
    const long = { ...wrapped, ciphertext: Buffer.alloc(10_000_000) }
    await expect(recipient.open(long, info)).rejects.toMatchObject(failed)
  })

  it('refuses every other context, recipient and encapsulated key', async () => {
    const { recipient, wrapped } = await sealed()
    const stranger = await loadHpkeRecipient(provider, (await generateHpkeKey(provider)).privatePem)
    const { publicKey: elsewhere } = await generateHpkeKey(provider)
    const compressed = Buffer.concat([Buffer.of(2 + (wrapped.enc[64]! & 1)), wrapped.enc.subarray(1, 33)])
    const hybrid = Buffer.concat([Buffer.of(6 + (wrapped.enc[64]! & 1)), wrapped.enc.subarray(1)])
    const offCurve = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey
    const attempts = [
      stranger.open(wrapped, info),
      ...Array.from({ length: info.length * 8 }, (_, bit) => recipient.open(wrapped, flip(info, bit))),
      recipient.open(wrapped, Buffer.alloc(0)),
      recipient.open(wrapped, Buffer.concat([info, Buffer.of(0)])),
      recipient.open(wrapped, Buffer.alloc(1_000_000)),
      ...[elsewhere, compressed, hybrid, Buffer.alloc(65), Buffer.alloc(0), Buffer.of(0)].map((enc) =>
        recipient.open({ ...wrapped, enc }, info),
      ),
      recipient.open({ ...wrapped, enc: offCurve.export({ type: 'spki', format: 'der' }).subarray(-65) }, info),
    ]
    for (const attempt of attempts) await expect(attempt).rejects.toMatchObject(failed)
  })

  it('refuses to seal to what is not a P-256 key, or more than it may', async () => {
    const { publicKey } = await generateHpkeKey(provider)
    for (const key of [Buffer.alloc(65), publicKey.subarray(1), flip(publicKey, 300), Buffer.alloc(0)]) {
      await expect(hpkeSeal(provider, key, info, contentKey)).rejects.toMatchObject(malformed)
    }
    await expect(hpkeSeal(provider, publicKey, info, Buffer.alloc(4097))).rejects.toMatchObject(failed)
    await expect(hpkeSeal(provider, publicKey, Buffer.alloc(1_000_000), contentKey)).rejects.toMatchObject(failed)
  })

  it('refuses a malformed private key', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    for (const pem of ['', 'x', other.export({ type: 'pkcs8', format: 'pem' }).toString()]) {
      await expect(loadHpkeRecipient(provider, pem)).rejects.toMatchObject(malformed)
    }
  })
})

describe('the provider passed in', () => {
  it('does every operation, and the global WebCrypto none', async () => {
    const forbidden = () => {
      throw new CryptoError('crypto_provider_unusable')
    }
    vi.stubGlobal('crypto', new Proxy({}, { get: forbidden }))
    expect(() => globalThis.crypto.subtle).toThrow()
    const watched = watchProvider(provider)
    const { privatePem, publicKey } = await generateHpkeKey(watched.provider)
    const recipient = await loadHpkeRecipient(watched.provider, privatePem)
    expect(watched.calls).toContain('importKey pkcs8 ECDH unextractable')
    watched.calls.length = 0
    const wrapped = await hpkeSeal(watched.provider, publicKey, info, contentKey)
    expect(watched.calls.filter((call) => call === 'deriveBits ECDH private')).toHaveLength(1)
    expect(watched.calls).toContain('generateKey ECDH extractable')
    watched.calls.length = 0
    expect(await recipient.open(wrapped, info)).toEqual(Uint8Array.from(contentKey))
    expect(watched.calls.filter((call) => call === 'deriveBits ECDH private')).toHaveLength(1)
    expect(watched.calls).toContain('decrypt AES-GCM secret')
  })

  it('is never asked to export the private key, so that the key may stay in a token', async () => {
    const { privatePem, publicKey } = await generateHpkeKey(provider)
    const watched = watchProvider(provider)
    const { pkcs8, point } = parseP256PrivateKey(privatePem)
    const handle = await provider.subtle.importKey('pkcs8', pkcs8, { name: 'ECDH', namedCurve: 'P-256' }, false, [
      'deriveBits',
    ])
    const recipient = await createHpkeRecipient(watched.provider, handle, point)
    expect(await recipient.open(await seal(publicKey), info)).toEqual(Uint8Array.from(contentKey))
    expect(watched.calls.filter((call) => call.startsWith('exportKey'))).toEqual(['exportKey raw public'])
  })

  it('decides the outcome: one whose Diffie-Hellman is wrong opens nothing', async () => {
    const { privatePem, publicKey } = await generateHpkeKey(provider)
    const subtle = Object.create(provider.subtle, { deriveBits: { value: async () => new ArrayBuffer(32) } })
    const broken: CryptoProvider = Object.create(provider, { subtle: { value: boundTo(provider.subtle, subtle) } })
    const recipient = await loadHpkeRecipient(broken, privatePem)
    await expect(recipient.open(await seal(publicKey), info)).rejects.toMatchObject(failed)
  })

  it('is refused when the library has no place for it', () => {
    const aead = Object.assign(new Aes128Gcm(), { createEncryptionContext: () => Object.create(null) })
    expect(createHpkeSuite(provider, aead).aead.id).toBe(1)
    expect(() => createHpkeSuite(provider, aead).aead.createEncryptionContext(new Uint8Array(16))).toThrow(
      expect.objectContaining({ code: 'crypto_provider_unusable' }),
    )
  })
})

describe('HPKE against a second writing of RFC 9180', () => {
  const recipientPem = pemFromDer(pkcs8FromScalar(hex(rfc9180.recipient)), 'PRIVATE KEY')
  const recipientPoint = parseP256PrivateKey(recipientPem).point

  it('which itself gives the vector of A.3.1', () => {
    const made = reference(1, hex(rfc9180.info), hex(rfc9180.plaintext), hex(rfc9180.aad))
    for (const name of ['sharedSecret', 'key', 'baseNonce', 'exporterSecret', 'ciphertext'] as const) {
      expect(made[name].toString('hex')).toBe(rfc9180[name])
    }
  })

  it('opens with AES-256-GCM what the second writing sealed', async () => {
    const recipient = await loadHpkeRecipient(provider, recipientPem)
    const ephemeralPem = pemFromDer(pkcs8FromScalar(hex(rfc9180.ephemeral)), 'PRIVATE KEY')
    const enc = parseP256PrivateKey(ephemeralPem).point
    for (const length of [0, 1, 32, 1000]) {
      const plaintext = Buffer.alloc(length, length)
      const { ciphertext } = reference(2, info, plaintext, Buffer.alloc(0))
      expect(await recipient.open({ enc, ciphertext }, info)).toEqual(Uint8Array.from(plaintext))
    }
  })

  function reference(aead: 1 | 2, context: Buffer, plaintext: Buffer, aad: Buffer): ReferenceSeal {
    return referenceSeal({
      aead,
      ephemeralScalar: hex(rfc9180.ephemeral),
      recipientPoint,
      info: context,
      plaintext,
      aad,
    })
  }
})

async function seal(publicKey: Uint8Array): Promise<WrappedKey> {
  return hpkeSeal(provider, publicKey, info, contentKey)
}

async function sealed() {
  const { privatePem, publicKey } = await generateHpkeKey(provider)
  return { recipient: await loadHpkeRecipient(provider, privatePem), wrapped: await seal(publicKey) }
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(bytes)
  changed[bit >> 3]! ^= 1 << (bit & 7)
  return changed
}

/** Methods of the first object, run on it, except those that the second overrides itself. */
function boundTo<T extends object>(inner: T, overrides: T): T {
  return new Proxy(overrides, {
    get: (target, name) => {
      const own: unknown = Object.hasOwn(target, name) ? Reflect.get(target, name) : Reflect.get(inner, name, inner)
      return typeof own === 'function' && !Object.hasOwn(target, name) ? own.bind(inner) : own
    },
  })
}
