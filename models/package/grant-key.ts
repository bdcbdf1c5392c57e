import { KEY_BYTES } from '../../device/crypto/bulk.ts'
import { type HpkeRecipient, hpkeSeal, type WrappedKey } from '../../device/crypto/hpke.ts'
import type { CryptoProvider } from '../../device/crypto/provider.ts'
import { PackageError } from './errors.ts'

/** RFC 9180 base mode: KEM 0x0010, KDF 0x0001, AEAD 0x0002. */
export const GRANT_SUITE = 'DHKEM-P256-HKDF-SHA256+HKDF-SHA256+AES-256-GCM'

/** A wrapped content key as it is written in a grant: base64url without padding. */
export interface WrappedKeyText {
  readonly enc: string
  readonly ciphertext: string
}

/** What a wrapped key is bound to: it opens for this device, this manifest and this release, or not at all. */
export interface GrantContext {
  readonly deviceId: string
  /** Lowercase hex. */
  readonly manifestHash: string
  readonly releaseCounter: number
}

/** Wraps a content key for one device (HPKE single shot, RFC 9180 §6.1). */
export async function wrapContentKey(
  provider: CryptoProvider,
  devicePackagePublicKey: Uint8Array,
  grant: GrantContext & { readonly contentKey: Uint8Array },
): Promise<WrappedKeyText> {
  const { enc, ciphertext } = await hpkeSeal(provider, devicePackagePublicKey, grantInfo(grant), grant.contentKey)
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
  return { enc: text(enc), ciphertext: text(ciphertext) }
}

/** @throws PackageError package_grant_unopenable */
export async function unwrapContentKey(
  recipient: HpkeRecipient,
  wrapped: WrappedKeyText,
  context: GrantContext,
): Promise<Uint8Array> {
  const key = await openWrapped(recipient, decode(wrapped), grantInfo(context))
  if (key.length !== KEY_BYTES) throw new PackageError('package_grant_unopenable', { about: 'key length' })
  return key
}

/**
 * The HPKE info: suite ‖ device id ‖ manifest hash ‖ release counter, each preceded by its length as u32 big-endian,
 * so that no two contexts have the same encoding.
 */
export function grantInfo(context: GrantContext): Buffer {
  const counter = Buffer.alloc(4)
  counter.writeUInt32BE(context.releaseCounter)
  const parts = [
    Buffer.from(GRANT_SUITE, 'ascii'),
    Buffer.from(context.deviceId, 'utf8'),
    Buffer.from(context.manifestHash, 'hex'),
    counter,
  ]
  return Buffer.concat(parts.flatMap((part) => [lengthPrefix(part), part]))
}

function lengthPrefix(part: Buffer): Buffer {
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32BE(part.length)
  return prefix
}

function decode(wrapped: WrappedKeyText): WrappedKey {
  return { enc: Buffer.from(wrapped.enc, 'base64url'), ciphertext: Buffer.from(wrapped.ciphertext, 'base64url') }
}

async function openWrapped(recipient: HpkeRecipient, wrapped: WrappedKey, info: Uint8Array): Promise<Uint8Array> {
  try {
    return await recipient.open(wrapped, info)
  } catch (cause) {
    throw new PackageError('package_grant_unopenable', { cause })
  }
}
