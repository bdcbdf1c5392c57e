import { describe, expect, it } from 'vitest'
import { sharedData } from '../../house/shared-data.ts'
import { pkcs8FromScalar } from '../testkit/p256-keys.ts'
import { tally } from '../testkit/wycheproof.ts'
import { aesGcmOpen, aesGcmSeal, hkdfSha256, NONCE_BYTES, TAG_BYTES } from './bulk.ts'
import { isEcdsaSignature } from './ecdsa.ts'
import { isP256Point, p256PointFromSpki } from './p256.ts'
import { pemFromDer } from './pem.ts'
import { createCryptoProvider } from './provider.ts'
import { loadVerifier } from './signing.ts'

const { subtle } = createCryptoProvider()
const provider = createCryptoProvider()
const hex = (text: string) => Buffer.from(text, 'hex')
const ECDH = { name: 'ECDH', namedCurve: 'P-256' }

/** Every `valid` vector accepted and every `invalid` one refused, in these numbers; `outside` our interface lie the others. */
function clean(counts: { valid: number; invalid: number; outside?: number }) {
  return expect.objectContaining({
    wrong: [],
    accepted: expect.objectContaining({ valid: counts.valid, invalid: 0 }),
    refused: expect.objectContaining({ valid: 0, invalid: counts.invalid }),
    outside: counts.outside ?? 0,
  })
}

describe.skipIf(!sharedData)('Wycheproof', () => {
  it('AES-256-GCM through bulk: 96-bit nonces; other nonces and key sizes are outside and refused', async () => {
    interface Group {
      readonly keySize: number
      readonly ivSize: number
      readonly tagSize: number
    }
    interface Test {
      readonly key: string
      readonly iv: string
      readonly aad: string
      readonly msg: string
      readonly ct: string
      readonly tag: string
    }
    const opens = ({ key, iv, aad, msg, ct, tag }: Test) =>
      aesGcmOpen(hex(key), hex(iv), hex(ct + tag), hex(aad)).equals(hex(msg))
    const seals = ({ key, iv, aad, msg, ct, tag }: Test) =>
      aesGcmSeal(hex(key), hex(iv), hex(msg), hex(aad)).equals(hex(ct + tag))
    const offered = ({ keySize, ivSize, tagSize }: Group) =>
      keySize === 256 && ivSize === NONCE_BYTES * 8 && tagSize === TAG_BYTES * 8
    const file = 'aes_gcm_test.json'
    expect(await tally<Group, Test>(file, opens, offered)).toEqual(clean({ valid: 39, invalid: 27, outside: 250 }))
    expect((await tally<Group, Test>(file, seals, offered)).accepted.valid).toBe(39)
    const others = await tally<Group, Test>(file, opens, (group) => !offered(group))
    expect(others.accepted).toEqual({ valid: 0, invalid: 0, acceptable: 0 })
  })

  it('HKDF-SHA256 through bulk and through the seam', async () => {
    interface Test {
      readonly ikm: string
      readonly salt: string
      readonly info: string
      readonly size: number
      readonly okm: string
    }
    const bulk = ({ ikm, salt, info, size, okm }: Test) =>
      isDerived(hkdfSha256(hex(ikm), hex(salt), hex(info), size), okm)
    const seam = async ({ ikm, salt, info, size, okm }: Test) => {
      const key = await subtle.importKey('raw', hex(ikm), 'HKDF', false, ['deriveBits'])
      const algorithm = { name: 'HKDF', hash: 'SHA-256', salt: hex(salt), info: hex(info) }
      return isDerived(Buffer.from(await subtle.deriveBits(algorithm, key, size * 8)), okm)
    }
    for (const derive of [bulk, seam]) {
      expect(await tally<object, Test>('hkdf_sha256_test.json', derive)).toEqual(clean({ valid: 83, invalid: 3 }))
    }
  })

  it('HMAC-SHA256 through the seam, as HPKE makes it', async () => {
    interface Test {
      readonly key: string
      readonly msg: string
      readonly tag: string
    }
    const signs = async ({ key, msg, tag }: Test, { tagSize }: { readonly tagSize: number }) => {
      const secret = await subtle.importKey('raw', hex(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
      const made = Buffer.from(await subtle.sign('HMAC', secret, hex(msg)))
      return made.subarray(0, tagSize / 8).equals(hex(tag))
    }
    expect(await tally('hmac_sha256_test.json', signs)).toEqual(clean({ valid: 66, invalid: 108 }))
  })

  it('Ed25519 through the verifier', async () => {
    interface Group {
      readonly publicKeyDer: string
    }
    const verifies = async ({ msg, sig }: { msg: string; sig: string }, { publicKeyDer }: Group) => {
      const verifier = await loadVerifier(provider, pemFromDer(hex(publicKeyDer), 'PUBLIC KEY'))
      return verifier.verify(hex(msg), hex(sig))
    }
    expect(await tally('ed25519_test.json', verifies)).toEqual(clean({ valid: 88, invalid: 63 }))
  })

  it('ECDSA P-256 SHA-256, in DER as certificates carry it and as r || s as WebCrypto takes it', async () => {
    interface Group {
      readonly publicKeyDer: string
    }
    interface Test {
      readonly msg: string
      readonly sig: string
    }
    const der = ({ msg, sig }: Test, { publicKeyDer }: Group) =>
      isEcdsaSignature(provider, { spki: hex(publicKeyDer) }, hex(msg), hex(sig))
    expect(await tally('ecdsa_secp256r1_sha256_test.json', der)).toEqual(clean({ valid: 174, invalid: 310 }))
    const p1363 = async ({ msg, sig }: Test, { publicKeyDer }: Group) => {
      const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
      const key = await subtle.importKey('spki', hex(publicKeyDer), algorithm, true, ['verify'])
      return subtle.verify(algorithm, key, hex(sig), hex(msg))
    }
    expect(await tally('ecdsa_secp256r1_sha256_p1363_test.json', p1363)).toEqual(clean({ valid: 173, invalid: 89 }))
  })

  it('ECDH P-256 through the seam, as HPKE does it: points, SubjectPublicKeyInfo and JWK', async () => {
    interface Test {
      readonly public: string
      readonly private: string
      readonly shared: string
    }
    const points = await tally<object, Test>('ecdh_secp256r1_ecpoint_test.json', (test) =>
      agrees(hex(test.public), hex(test.private), test.shared),
    )
    expect(points).toEqual(clean({ valid: 330, invalid: 24 }))
    // The one acceptable vector is a compressed point.
    expect([points.accepted.acceptable, points.refused.acceptable]).toEqual([0, 1])
    const infos = await tally<object, Test>('ecdh_secp256r1_test.json', async (test) => {
      const point = p256PointFromSpki(hex(test.public))
      return point !== undefined && agrees(point, hex(test.private), test.shared)
    })
    expect(infos).toEqual(clean({ valid: 330, invalid: 52 }))
    // Other spellings of the same keys: explicit parameters, an order of its own, compressed points.
    expect([infos.accepted.acceptable, infos.refused.acceptable]).toEqual([0, 230])
  })

  it('ECDH P-256 with JSON Web Keys, the form the library itself uses', async () => {
    interface Test {
      readonly public: JsonWebKey
      readonly private: JsonWebKey
      readonly shared: string
    }
    const webcrypto = async (test: Test) => {
      const [x, y] = [test.public.x, test.public.y].map((part) => Buffer.from(part ?? '', 'base64url'))
      if (test.public.crv !== 'P-256' || !isP256Point(Buffer.concat([Buffer.of(4), x!, y!]))) return false
      const publicKey = await subtle.importKey('jwk', test.public, ECDH, true, [])
      const privateKey = await subtle.importKey('jwk', test.private, ECDH, false, ['deriveBits'])
      const bits = await subtle.deriveBits({ name: 'ECDH', public: publicKey }, privateKey, 256)
      return Buffer.from(bits).toString('hex') === test.shared
    }
    const made = await tally<object, Test>('ecdh_secp256r1_webcrypto_test.json', webcrypto)
    expect(made).toEqual(clean({ valid: 330, invalid: 23 }))
  })
})

type JsonWebKey = Parameters<typeof subtle.importKey>[1] & { crv?: string; x?: string; y?: string }

/** An output of a size that must be refused counts as accepted, whatever it is. */
function isDerived(made: Buffer, expected: string): boolean {
  return expected === '' || made.equals(hex(expected))
}

async function agrees(point: Buffer, scalar: Buffer, shared: string): Promise<boolean> {
  if (!isP256Point(point)) return false
  const publicKey = await subtle.importKey('raw', point, ECDH, true, [])
  const privateKey = await subtle.importKey('pkcs8', pkcs8FromScalar(scalar), ECDH, false, ['deriveBits'])
  const bits = await subtle.deriveBits({ name: 'ECDH', public: publicKey }, privateKey, 256)
  return Buffer.from(bits).toString('hex') === shared
}
