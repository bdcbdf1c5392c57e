import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { watchProvider } from '../testkit/watched-provider.ts'
import { isEd25519PublicKey } from './ed25519-point.ts'
import { derFromPem, pemFromDer } from './pem.ts'
import { createCryptoProvider } from './provider.ts'
import { generateSigningKey, loadSigner, loadVerifier } from './signing.ts'

const provider = createCryptoProvider()
const malformed = { name: 'CryptoError', code: 'crypto_key_malformed' }
const hex = (text: string) => Buffer.from(text, 'hex')
const privatePem = (seed: string) => pemFromDer(hex(`302e020100300506032b657004220420${seed}`), 'PRIVATE KEY')
const publicPem = (raw: string) => pemFromDer(hex(`302a300506032b6570032100${raw}`), 'PUBLIC KEY')

/** RFC 8032 section 7.1, TEST 1 to 3: seed, public key, message, signature. */
const rfc8032 = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
]

describe('Ed25519', () => {
  it.each(rfc8032)('gives RFC 8032 for message "$message"', async (vector) => {
    const signer = await loadSigner(provider, privatePem(vector.seed))
    const verifier = await loadVerifier(provider, publicPem(vector.publicKey))
    const signature = await signer.sign(hex(vector.message))
    expect(Buffer.from(signature).toString('hex')).toBe(vector.signature)
    expect(await verifier.verify(hex(vector.message), signature)).toBe(true)
    expect(Buffer.from(verifier.publicKey).toString('hex')).toBe(vector.publicKey)
    expect(signer.keyId).toBe(verifier.keyId)
  })

  it('names a key by the SHA-256 of its SubjectPublicKeyInfo', async () => {
    const pem = publicPem(rfc8032[0]!.publicKey)
    const expected = createHash('sha256').update(derFromPem(pem, 'PUBLIC KEY')!).digest('hex')
    expect((await loadVerifier(provider, pem)).keyId).toBe(expected)
  })

  it('makes keys that node:crypto reads, and agrees with it both ways', async () => {
    const keys = await generateSigningKey(provider)
    const signer = await loadSigner(provider, keys.privatePem)
    const verifier = await loadVerifier(provider, keys.publicPem)
    expect((await generateSigningKey(provider)).privatePem).not.toBe(keys.privatePem)
    const ours = await signer.sign(Buffer.from('checkpoint'))
    expect(verify(null, Buffer.from('checkpoint'), createPublicKey(keys.publicPem), ours)).toBe(true)
    const theirs = sign(null, Buffer.from('checkpoint'), createPrivateKey(keys.privatePem))
    expect(await verifier.verify(Buffer.from('checkpoint'), theirs)).toBe(true)
  })

  it('is false for any changed bit of message or signature, and for another key', async () => {
    const [keys, others] = await Promise.all([generateSigningKey(provider), generateSigningKey(provider)])
    const signer = await loadSigner(provider, keys.privatePem)
    const verifier = await loadVerifier(provider, keys.publicPem)
    const stranger = await loadVerifier(provider, others.publicPem)
    const message = Buffer.from('one decision')
    const signature = Buffer.from(await signer.sign(message))
    expect(await stranger.verify(message, signature)).toBe(false)
    for (let bit = 0; bit < signature.length * 8; bit++) {
      expect(await verifier.verify(message, flip(signature, bit))).toBe(false)
    }
    for (let bit = 0; bit < message.length * 8; bit++) {
      expect(await verifier.verify(flip(message, bit), signature)).toBe(false)
    }
  })

  it('is false, not an error, for a signature of another length', async () => {
    const keys = await generateSigningKey(provider)
    const watched = watchProvider(provider)
    const verifier = await loadVerifier(watched.provider, keys.publicPem)
    const signature = await (await loadSigner(provider, keys.privatePem)).sign(Buffer.from('x'))
    watched.calls.length = 0
    for (const length of [0, 1, 32, 63, 65, 128, 100_000]) {
      const other = Buffer.alloc(length)
      other.set(signature.subarray(0, length))
      expect(await verifier.verify(Buffer.from('x'), other)).toBe(false)
    }
    // The provider, which may well throw at such a length, is not even asked.
    expect(watched.calls).toEqual([])
  })

  it('signs with the provider it was given and keeps the key unexportable', async () => {
    const { privatePem: pem } = await generateSigningKey(provider)
    const watched = watchProvider(provider)
    const signer = await loadSigner(watched.provider, pem)
    await signer.sign(Buffer.from('x'))
    expect(watched.calls).toEqual(['importKey pkcs8 Ed25519 unextractable', 'sign Ed25519 private'])
  })
})

describe('a malformed Ed25519 key', () => {
  const pkcs8Of = (type: 'ec' | 'rsa') =>
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })

  it('is refused by the signer', async () => {
    const good = privatePem(rfc8032[0]!.seed)
    const der = derFromPem(good, 'PRIVATE KEY')!
    const attempts = [
      '',
      'not a key',
      publicPem(rfc8032[0]!.publicKey),
      good.replaceAll('PRIVATE', 'EC PRIVATE'),
      `${good}${good}`,
      pemFromDer(der.subarray(0, -1), 'PRIVATE KEY'),
      pemFromDer(Buffer.concat([der, Buffer.of(0)]), 'PRIVATE KEY'),
      privatePem('00'.repeat(31)),
      // X25519 and Ed448 in the same dress.
      pemFromDer(hex(`302e020100300506032b656e04220420${'11'.repeat(32)}`), 'PRIVATE KEY'),
      pemFromDer(hex(`302e020100300506032b657104220420${'11'.repeat(32)}`), 'PRIVATE KEY'),
      pkcs8Of('ec').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      pkcs8Of('rsa').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ]
    for (const attempt of attempts) await expect(loadSigner(provider, attempt)).rejects.toMatchObject(malformed)
  })

  it('is refused by the verifier', async () => {
    const good = publicPem(rfc8032[0]!.publicKey)
    const attempts = [
      '',
      'not a key',
      privatePem(rfc8032[0]!.seed),
      publicPem('00'.repeat(31)),
      publicPem('11'.repeat(33)),
      good.replace('MCow', 'MCox'),
      // y = 2 has no x; y >= p is not canonical.
      publicPem(`02${'00'.repeat(31)}`),
      publicPem(`ee${'ff'.repeat(30)}7f`),
      pkcs8Of('ec').publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    ]
    for (const attempt of attempts) await expect(loadVerifier(provider, attempt)).rejects.toMatchObject(malformed)
  })

  it('is refused when of small order: an empty file of zeros must not become a key that anyone can sign for', async () => {
    const smallOrder = [
      '00'.repeat(32),
      `${'00'.repeat(31)}80`,
      `01${'00'.repeat(31)}`,
      `01${'00'.repeat(30)}80`,
      `ec${'ff'.repeat(30)}7f`,
      `ec${'ff'.repeat(30)}ff`,
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
      `ed${'ff'.repeat(30)}7f`,
      `ee${'ff'.repeat(30)}7f`,
    ]
    // Under these keys OpenSSL 3.0 takes signatures that no private key made; 3.5 does not, and a token may do either.
    for (const raw of smallOrder) await expect(loadVerifier(provider, publicPem(raw))).rejects.toMatchObject(malformed)
  })

  it('is not seen in any generated key, and in any other octets without an error', () => {
    for (let round = 0; round < 40; round++) {
      const raw = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
      expect(isEd25519PublicKey(raw)).toBe(true)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (raw) => typeof isEd25519PublicKey(raw) === 'boolean'))
  })
})

function flip(bytes: Buffer, bit: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[bit >> 3]! ^= 1 << (bit & 7)
  return changed
}
