import { beforeAll, describe, expect, test } from 'vitest'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { canonicalBytes, canonicalJson, type JsonObject, parseCanonical } from '../../device/platform/canonical-json.ts'
import { signEnvelope, verifyEnvelope } from './envelope.ts'
import { grantInfo } from './grant-key.ts'
import { type GrantInput, signGrant, signImageTargets, targetName, verifyGrant, verifyImageTargets } from './targets.ts'
import { createKeeper, EXPIRES_MS, type Keeper } from './testkit/package-site.ts'

let vendor: Keeper
let other: Keeper
beforeAll(async () => {
  vendor = await createKeeper(createCryptoProvider())
  other = await createKeeper(createCryptoProvider())
})

const identity = {
  modelId: 'sample',
  version: '1.0.0-rc.1',
  releaseCounter: 3,
  manifestHash: 'a'.repeat(64),
  packageHash: 'b'.repeat(64),
  lengthBytes: 5000,
}
const wrappedKey = { enc: 'e'.repeat(87), ciphertext: 'c'.repeat(64) }
const grantInput: GrantInput = {
  version: 7,
  expiresAtMs: EXPIRES_MS,
  deviceId: 'device-1',
  package: identity,
  wrappedKey,
}

const refuses = (code: string) => expect.objectContaining({ code })

describe('envelope', () => {
  const signed = { _type: 'x', n: 1 }

  test('the signature is over the canonical bytes of `signed`, by key id', async () => {
    const bytes = await signEnvelope(vendor.signer, signed)
    const { signatures } = JSON.parse(Buffer.from(bytes).toString()) as { signatures: { keyid: string; sig: string }[] }
    expect(signatures).toHaveLength(1)
    expect(signatures[0]!.keyid).toBe(vendor.verifier.keyId)
    const sig = Buffer.from(signatures[0]!.sig, 'hex')
    expect(await vendor.verifier.verify(canonicalBytes(signed), sig)).toBe(true)
    expect(await verifyEnvelope(bytes, vendor.verifier)).toEqual(signed)
  })

  async function envelope(
    change: (entry: { keyid: string; sig: string }) => unknown[],
    body: unknown = signed,
  ): Promise<Buffer> {
    const sig = Buffer.from(await vendor.signer.sign(canonicalBytes(signed))).toString('hex')
    return Buffer.from(canonicalJson({ signatures: change({ keyid: vendor.signer.keyId, sig }), signed: body }))
  }

  test('signatures by other keys are ignored, valid or not', async () => {
    const stranger = { keyid: other.signer.keyId, sig: '0'.repeat(128) }
    const bytes = await envelope((own) => [stranger, own])
    expect(await verifyEnvelope(bytes, vendor.verifier)).toEqual(signed)
    const rejected = verifyEnvelope(await envelope(() => [stranger]), vendor.verifier)
    await expect(rejected).rejects.toEqual(refuses('package_signature_invalid'))
  })

  test('the key id does not vouch for the key: another key under the pinned id is refused', async () => {
    const sig = Buffer.from(await other.signer.sign(canonicalBytes(signed))).toString('hex')
    const rejected = verifyEnvelope(await envelope((own) => [{ ...own, sig }]), vendor.verifier)
    await expect(rejected).rejects.toEqual(refuses('package_signature_invalid'))
  })

  test.each<[string, (own: { keyid: string; sig: string }) => unknown[]]>([
    ['a key twice', (own) => [own, own]],
    ['a key twice, once with another signature', (own) => [{ ...own, sig: '0'.repeat(128) }, own]],
    ['no signature', () => []],
    [
      'too many signatures',
      (own) => [own, ...Array.from({ length: 16 }, (_, n) => ({ ...own, keyid: String(n).padStart(64, '0') }))],
    ],
    ['a signature in capitals', (own) => [{ ...own, sig: own.sig.toUpperCase().replace(/^./, 'A') }]],
    ['a short signature', (own) => [{ ...own, sig: own.sig.slice(2) }]],
    ['a member more', (own) => [{ ...own, method: 'ed25519' }]],
  ])('%s is malformed', async (_, change) => {
    const rejected = verifyEnvelope(await envelope(change), vendor.verifier)
    await expect(rejected).rejects.toEqual(refuses('package_metadata_malformed'))
  })

  test('white space, another order, or something that is not an object is malformed', async () => {
    const good = Buffer.from(await signEnvelope(vendor.signer, signed)).toString()
    const { signatures } = JSON.parse(good) as JsonObject
    const spaced = JSON.stringify(JSON.parse(good), null, 1)
    const reordered = JSON.stringify({ signed, signatures })
    for (const text of [spaced, reordered, '[]', 'null', '"x"', '{}', '', '{"signatures":1,"signed":{}}'])
      await expect(verifyEnvelope(Buffer.from(text), vendor.verifier)).rejects.toEqual(
        refuses('package_metadata_malformed'),
      )
  })
})

/** Signs a body that the writer would not write. */
async function signChanged(bytes: Uint8Array, change: (signed: JsonObject) => unknown): Promise<Uint8Array> {
  const { signed } = parseCanonical(bytes) as { signed: JsonObject }
  return signEnvelope(vendor.signer, change(structuredClone(signed)) as JsonObject)
}

/** Sets a member anywhere in a copy of the signed part; undefined removes it. */
const set =
  (path: string, value: unknown) =>
  (signed: JsonObject): JsonObject => {
    const names = path.split('/')
    const last = names.pop()!
    const name = targetName(identity)
    const holder = names.reduce((at, part) => at[part === '*' ? name : part] as JsonObject, signed)
    holder[last === '*' ? name : last] = value as JsonObject
    return signed
  }

describe('image targets', () => {
  const sign = () => signImageTargets(vendor.signer, { version: 1, expiresAtMs: EXPIRES_MS, packages: [identity] })

  test('carry one TUF target entry per package', async () => {
    const verified = await verifyImageTargets(await sign(), vendor.verifier)
    expect(verified).toEqual({
      _type: 'wardstone-image-targets',
      spec_version: '1.0.0',
      version: 1,
      expires: '2031-01-01T00:00:00Z',
      targets: {
        'sample-1.0.0-rc.1.wspkg': {
          length: 5000,
          hashes: { sha256: 'b'.repeat(64) },
          custom: {
            kind: 'model',
            modelId: 'sample',
            version: '1.0.0-rc.1',
            releaseCounter: 3,
            manifestHash: 'a'.repeat(64),
            revoked: 0,
          },
        },
      },
    })
  })

  test.each<[string, unknown]>([
    ['_type', 'wardstone-director-targets'],
    ['_type', 'targets'],
    ['spec_version', '2.0.0'],
    ['version', 0],
    ['version', 1.5],
    ['expires', '2031-01-01T00:00:00.000Z'],
    ['expires', '2031-01-01T00:00:00+00:00'],
    ['expires', '2031-02-30T00:00:00Z'],
    ['expires', '2031-01-01T24:00:00Z'],
    ['expires', '2031-01-01'],
    ['expires', 'never'],
    ['expires', 4],
    ['expires', undefined],
    ['delegations', {}],
    ['targets', []],
    ['targets/../x.wspkg', {}],
    ['targets/*', {}],
    ['targets/*/length', 0],
    ['targets/*/length', 2 ** 53],
    ['targets/*/hashes/sha256', 'B'.repeat(64)],
    ['targets/*/hashes/md5', 'b'.repeat(32)],
    ['targets/*/custom/kind', 'release'],
    ['targets/*/custom/revoked', 2],
    ['targets/*/custom/revoked', true],
    ['targets/*/custom/revoked', undefined],
    ['targets/*/custom/releaseCounter', '3'],
    ['targets/*/custom/modelId', 'Sample'],
    ['targets/*/custom/note', 'x'],
  ])('with %s = %j are malformed', async (path, value) => {
    const bytes = await signChanged(await sign(), path.startsWith('targets/..') ? addOddTarget : set(path, value))
    await expect(verifyImageTargets(bytes, vendor.verifier)).rejects.toEqual(refuses('package_metadata_malformed'))
  })

  test('more than 1,024 targets are refused', async () => {
    const packages = Array.from({ length: 1025 }, (_, n) => ({ ...identity, version: `1.0.${n}` }))
    const sign = (count: number) =>
      signImageTargets(vendor.signer, { version: 1, expiresAtMs: EXPIRES_MS, packages: packages.slice(0, count) })
    await expect(sign(1024)).resolves.toBeInstanceOf(Uint8Array)
    await expect(async () => sign(1025)).rejects.toEqual(refuses('package_metadata_malformed'))
  })

  test('two packages of one name cannot be signed', async () => {
    const packages = [identity, { ...identity, releaseCounter: 4 }]
    const sign = async () => signImageTargets(vendor.signer, { version: 1, expiresAtMs: EXPIRES_MS, packages })
    await expect(sign).rejects.toEqual(refuses('package_metadata_malformed'))
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 8.64e15])(
    'an expiry of %s cannot be signed',
    async (expiresAtMs) => {
      const sign = async () => signImageTargets(vendor.signer, { version: 1, expiresAtMs, packages: [identity] })
      await expect(sign).rejects.toEqual(refuses('package_metadata_malformed'))
    },
  )
})

function addOddTarget(signed: JsonObject): JsonObject {
  const targets = signed.targets as JsonObject
  return { ...signed, targets: { '../x.wspkg': Object.values(targets)[0]! } }
}

describe('grant', () => {
  test('carries one TUF target entry with the wrapped key', async () => {
    const grant = await verifyGrant(await signGrant(vendor.signer, grantInput), vendor.verifier)
    expect(grant).toEqual({
      _type: 'wardstone-director-targets',
      spec_version: '1.0.0',
      version: 7,
      expires: '2031-01-01T00:00:00Z',
      name: 'sample-1.0.0-rc.1.wspkg',
      entry: {
        length: 5000,
        hashes: { sha256: 'b'.repeat(64) },
        custom: {
          kind: 'model',
          deviceId: 'device-1',
          releaseCounter: 3,
          manifestHash: 'a'.repeat(64),
          suite: 'DHKEM-P256-HKDF-SHA256+HKDF-SHA256+AES-256-GCM',
          ...wrappedKey,
        },
      },
    })
  })

  test.each<[string, unknown]>([
    ['_type', 'wardstone-image-targets'],
    ['targets', {}],
    ['targets/*/custom/deviceId', ''],
    ['targets/*/custom/deviceId', 'device 1'],
    ['targets/*/custom/deviceId', 'x'.repeat(129)],
    ['targets/*/custom/suite', 'none'],
    ['targets/*/custom/enc', 'e'.repeat(88)],
    ['targets/*/custom/enc', '='.repeat(87)],
    ['targets/*/custom/ciphertext', 'c'.repeat(63)],
    ['targets/*/custom/releaseCounter', 2 ** 31],
  ])('with %s = %j is malformed', async (path, value) => {
    const bytes = await signChanged(await signGrant(vendor.signer, grantInput), set(path, value))
    await expect(verifyGrant(bytes, vendor.verifier)).rejects.toEqual(refuses('package_metadata_malformed'))
  })

  test('of two packages at once is malformed', async () => {
    const bytes = await signChanged(await signGrant(vendor.signer, grantInput), (signed) => {
      const targets = signed.targets as JsonObject
      return { ...signed, targets: { ...targets, 'other-1.0.0.wspkg': Object.values(targets)[0]! } }
    })
    await expect(verifyGrant(bytes, vendor.verifier)).rejects.toEqual(refuses('package_metadata_malformed'))
  })
})

test('signed strings are printable ASCII, so RFC 8785 and TUF canonical JSON are the same bytes', async () => {
  for (const bytes of [
    await signGrant(vendor.signer, grantInput),
    await signImageTargets(vendor.signer, { version: 1, expiresAtMs: EXPIRES_MS, packages: [identity] }),
  ])
    expect(Buffer.from(bytes).toString('latin1')).toMatch(/^[\x20-\x7e]*$/)
})

describe('the context a key is wrapped for', () => {
  const context = { deviceId: 'ab', manifestHash: '00'.repeat(32), releaseCounter: 1 }

  test('is suite, device, manifest hash and counter, each after its length', () => {
    const suite = 'DHKEM-P256-HKDF-SHA256+HKDF-SHA256+AES-256-GCM'
    const expected = [
      '0000002e',
      Buffer.from(suite).toString('hex'),
      '00000002',
      '6162',
      '00000020',
      '00'.repeat(32),
      '00000004',
      '00000001',
    ]
    expect(grantInfo(context).toString('hex')).toBe(expected.join(''))
  })

  test('differs when any part differs, also at the seams', () => {
    const all = [
      context,
      { ...context, deviceId: 'abc' },
      { ...context, deviceId: 'a' },
      { ...context, releaseCounter: 2 },
      { ...context, manifestHash: `01${'00'.repeat(31)}` },
    ].map((each) => grantInfo(each).toString('hex'))
    expect(new Set(all).size).toBe(all.length)
  })
})
