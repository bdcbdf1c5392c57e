import { createECDH, createPrivateKey, createPublicKey } from 'node:crypto'
import { type HpkeRecipient, loadHpkeRecipient } from '../../../device/crypto/hpke.ts'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import { loadSigner, loadVerifier } from '../../../device/crypto/signing.ts'
import { grantInfo } from '../grant-key.ts'
import { HEADER_BYTES, readContainer } from '../header.ts'
import { packageIdentity, packModel } from '../pack.ts'
import { signGrant, signImageTargets } from '../targets.ts'
import { EXPIRES_MS, type Keeper } from './package-site.ts'
import { sampleDraft } from './sample-draft.ts'

/** The example of docs/package-format.md, made from nothing but the numbers printed there. */
export const exampleDeviceId = 'device-1'

/**
 * Wrapped once, with an ephemeral key that was not kept: the only part that cannot be made again. It is bound to the
 * manifest's hash, so a change of the sample needs a new one.
 */
const wrappedKey = {
  enc: 'BIVra5yNnDb65MP3zIa3rruKdXF_THtCOgKXDCm0HDFEIiT_Q70xbIh52Q_QL7eCNDj8WZYLfp7edXcHOv2U8jM',
  ciphertext: '-mZ9_Xx_rg8I5g-vzVx_hX0bHjUWovVvuKGF6V9rItO03bT6LGm70FGH49Yk0bFY',
}

/** 32 bytes that count up from `first`. */
function counting(first: number): Buffer {
  return Buffer.from(Array.from({ length: 32 }, (_, index) => first + index))
}

export interface WorkedExample {
  readonly vendor: Keeper
  readonly fleet: Keeper
  readonly recipient: HpkeRecipient
  /** What the page prints: the text of each fenced block by its name. */
  readonly blocks: Readonly<Record<string, string>>
}

export async function workedExample(): Promise<WorkedExample> {
  const packed = packExample()
  const bytes = Buffer.from(packed.bytes)
  const identity = packageIdentity(packed)
  const { payloadOffset } = readContainer((at, length) => bytes.subarray(at, at + length), bytes.length)
  const [vendor, fleet] = [await keeperFromSeed(counting(0x40)), await keeperFromSeed(counting(0x60))]
  const signedPart = { version: 1, expiresAtMs: EXPIRES_MS }
  const image = await signImageTargets(vendor.signer, { ...signedPart, packages: [identity] })
  const grant = await signGrant(fleet.signer, {
    ...signedPart,
    deviceId: exampleDeviceId,
    package: identity,
    wrappedKey,
  })
  const blocks = {
    'content key': hexLines(packed.contentKey),
    header: hexLines(bytes.subarray(0, HEADER_BYTES)),
    manifest: bytes.subarray(HEADER_BYTES, payloadOffset).toString('utf8'),
    payload: hexLines(bytes.subarray(payloadOffset)),
    hashes: `package  ${packed.packageHash}\nmanifest ${packed.manifestHash}`,
    image: Buffer.from(image).toString('utf8'),
    grant: Buffer.from(grant).toString('utf8'),
    info: hexLines(grantInfo({ deviceId: exampleDeviceId, ...identity })),
  }
  return { vendor, fleet, recipient: await exampleRecipient(), blocks }
}

function packExample() {
  const drawn = [counting(0x00), counting(0x20)]
  const draft = sampleDraft({ model: 'hello', licence: '' }, { releaseCounter: 1 })
  return packModel(draft, { bytes: () => Buffer.from(drawn.shift() ?? []) })
}

async function keeperFromSeed(seed: Buffer): Promise<Keeper> {
  const provider = createCryptoProvider()
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicPem = createPublicKey(key).export({ format: 'pem', type: 'spki' }).toString()
  const signer = await loadSigner(provider, key.export({ format: 'pem', type: 'pkcs8' }).toString())
  return { signer, verifier: await loadVerifier(provider, publicPem), publicPem }
}

async function exampleRecipient(): Promise<HpkeRecipient> {
  const scalar = counting(0x80)
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(scalar)
  const point = curve.getPublicKey()
  const text = (bytes: Buffer) => bytes.toString('base64url')
  const key = { kty: 'EC', crv: 'P-256', d: text(scalar), x: text(point.subarray(1, 33)), y: text(point.subarray(33)) }
  const pem = createPrivateKey({ key, format: 'jwk' }).export({ format: 'pem', type: 'pkcs8' })
  return loadHpkeRecipient(createCryptoProvider(), pem.toString())
}

/** Hex in groups of four bytes, sixteen bytes a line. */
function hexLines(bytes: Uint8Array): string {
  const groups =
    Buffer.from(bytes)
      .toString('hex')
      .match(/.{1,8}/g) ?? []
  const lines = Array.from({ length: Math.ceil(groups.length / 4) }, (_, line) =>
    groups.slice(line * 4, line * 4 + 4).join(' '),
  )
  return lines.join('\n')
}
