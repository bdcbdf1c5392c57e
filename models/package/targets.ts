import { z } from 'zod'
import type { Signer, Verifier } from '../../device/crypto/signing.ts'
import { signEnvelope, verifyEnvelope } from './envelope.ts'
import { PackageError } from './errors.ts'
import { GRANT_SUITE, type WrappedKeyText } from './grant-key.ts'
import type { PackageIdentity } from './pack.ts'

/** A grant carries a key that this wraps. */
export { wrapContentKey } from './grant-key.ts'

/**
 * What the two keepers sign. The vendor's image targets say which packages exist and which are revoked; the fleet's
 * grant says which one this device may open and carries its key. The entries under `targets` are the ones that
 * TUF image and director metadata carry; strings are printable ASCII, so every canonical JSON gives the same bytes.
 */
export const MAX_IMAGE_BYTES = 1024 * 1024
export const MAX_GRANT_BYTES = 64 * 1024
/** Larger than any manifest can list. */
export const MAX_PACKAGE_BYTES = 64 * 1024 ** 3

const IMAGE_TYPE = 'wardstone-image-targets'
const GRANT_TYPE = 'wardstone-director-targets'
const SPEC_VERSION = '1.0.0'

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const positive = z
  .int()
  .min(1)
  .max(2 ** 31 - 1)
const targetNameSchema = z.string().regex(/^[a-z][0-9A-Za-z.-]{0,199}\.wspkg$/)
const deviceIdSchema = z.string().regex(/^[0-9A-Za-z][0-9A-Za-z._:-]{0,127}$/)

const imageEntry = z.strictObject({
  length: z.int().min(1).max(MAX_PACKAGE_BYTES),
  hashes: z.strictObject({ sha256: hash }),
  custom: z.strictObject({
    kind: z.literal('model'),
    modelId: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
    version: z.string().regex(/^[0-9A-Za-z.-]{1,100}$/),
    releaseCounter: positive,
    manifestHash: hash,
    revoked: z.union([z.literal(0), z.literal(1)]),
  }),
})

const grantEntry = z.strictObject({
  length: z.int().min(1).max(MAX_PACKAGE_BYTES),
  hashes: z.strictObject({ sha256: hash }),
  custom: z.strictObject({
    kind: z.literal('model'),
    deviceId: deviceIdSchema,
    releaseCounter: positive,
    manifestHash: hash,
    suite: z.literal(GRANT_SUITE),
    enc: z.string().regex(/^[0-9A-Za-z_-]{87}$/),
    ciphertext: z.string().regex(/^[0-9A-Za-z_-]{64}$/),
  }),
})

const signedBase = { spec_version: z.literal(SPEC_VERSION), version: positive, expires: z.string().refine(isTimestamp) }

const imageTargetsSchema = z.strictObject({
  ...signedBase,
  _type: z.literal(IMAGE_TYPE),
  targets: z.record(targetNameSchema, imageEntry).refine((targets) => Object.keys(targets).length <= 1024),
})

const grantSchema = z.strictObject({
  ...signedBase,
  _type: z.literal(GRANT_TYPE),
  targets: z.record(targetNameSchema, grantEntry).refine((targets) => Object.keys(targets).length === 1),
})

export type ImageTargets = z.infer<typeof imageTargetsSchema>
export type ImageEntry = z.infer<typeof imageEntry>

/** A verified grant: its one entry, with the name the image targets must know it by. */
export interface Grant extends Omit<z.infer<typeof grantSchema>, 'targets'> {
  readonly name: string
  readonly entry: z.infer<typeof grantEntry>
}

export interface ImageTargetsInput {
  /** Of the metadata, not of a model: rises with each signing. */
  readonly version: number
  readonly expiresAtMs: number
  readonly packages: readonly (PackageIdentity & { readonly revoked?: boolean })[]
}

export interface GrantInput {
  readonly version: number
  readonly expiresAtMs: number
  readonly deviceId: string
  readonly package: PackageIdentity
  readonly wrappedKey: WrappedKeyText
}

/** `sepsis-risk-1.0.0.wspkg`: the name of a package in both keepers' metadata. */
export function targetName(identity: Pick<PackageIdentity, 'modelId' | 'version'>): string {
  return `${identity.modelId}-${identity.version}.wspkg`
}

/** The vendor's statement: these packages are ours, and these of them are revoked. Returns the file's bytes. */
export function signImageTargets(signer: Signer, input: ImageTargetsInput): Promise<Uint8Array> {
  const entries = input.packages.map((identity): [string, ImageEntry] => {
    const { modelId, version, releaseCounter, manifestHash, packageHash, lengthBytes, revoked = false } = identity
    const custom = {
      kind: 'model' as const,
      modelId,
      version,
      releaseCounter,
      manifestHash,
      revoked: revoked ? 1 : 0,
    } as const
    return [targetName(identity), { length: lengthBytes, hashes: { sha256: packageHash }, custom }]
  })
  const targets = Object.fromEntries(entries)
  if (Object.keys(targets).length !== entries.length)
    throw new PackageError('package_metadata_malformed', { about: 'two packages of one name' })
  const signed = { ...signedPart(IMAGE_TYPE, input), targets }
  return signEnvelope(signer, conform(imageTargetsSchema, signed))
}

/** The fleet's statement: this device may open this package, with this key. Returns the file's bytes. */
export function signGrant(signer: Signer, input: GrantInput): Promise<Uint8Array> {
  const { releaseCounter, manifestHash, packageHash, lengthBytes } = input.package
  const key = { suite: GRANT_SUITE, ...input.wrappedKey }
  const custom = { kind: 'model', deviceId: input.deviceId, releaseCounter, manifestHash, ...key }
  const entry = { length: lengthBytes, hashes: { sha256: packageHash }, custom }
  const signed = { ...signedPart(GRANT_TYPE, input), targets: { [targetName(input.package)]: entry } }
  return signEnvelope(signer, conform(grantSchema, signed))
}

/** @throws PackageError package_metadata_malformed | package_signature_invalid */
export async function verifyImageTargets(bytes: Uint8Array, vendor: Verifier): Promise<ImageTargets> {
  return conform(imageTargetsSchema, await verifyEnvelope(bytes, vendor))
}

/** @throws PackageError package_metadata_malformed | package_signature_invalid */
export async function verifyGrant(bytes: Uint8Array, fleet: Verifier): Promise<Grant> {
  const { targets, ...signed } = conform(grantSchema, await verifyEnvelope(bytes, fleet))
  for (const [name, entry] of Object.entries(targets)) return { ...signed, name, entry }
  throw new PackageError('package_target_missing')
}

function signedPart(type: string, input: { readonly version: number; readonly expiresAtMs: number }) {
  const { version, expiresAtMs } = input
  if (!Number.isFinite(expiresAtMs)) throw new PackageError('package_metadata_malformed', { about: 'expires' })
  return { _type: type, spec_version: SPEC_VERSION, version, expires: timestamp(expiresAtMs) }
}

/** RFC 3339 in UTC to the second, as TUF writes it. */
function timestamp(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`
}

function isTimestamp(text: string): boolean {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isFinite(ms) && timestamp(ms) === text
}

function conform<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new PackageError('package_metadata_malformed', { cause: parsed.error })
}
