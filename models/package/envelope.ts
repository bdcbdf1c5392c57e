import { z } from 'zod'
import type { Signer, Verifier } from '../../device/crypto/signing.ts'
import { canonicalBytes, canonicalJson, type JsonObject, parseCanonical } from '../../device/platform/canonical-json.ts'
import { PackageError } from './errors.ts'

/**
 * A signed envelope shaped as TUF metadata (TUF 1.0 §4.2): `signed` and detached Ed25519 signatures over its canonical
 * bytes. The whole envelope is canonical JSON too, so that it has one form only.
 */
const envelopeSchema = z.strictObject({
  signatures: z
    .array(z.strictObject({ keyid: z.string().regex(/^[0-9a-f]{64}$/), sig: z.string().regex(/^[0-9a-f]{128}$/) }))
    .min(1)
    .max(16),
  signed: z.record(z.string(), z.unknown()),
})

export async function signEnvelope(signer: Signer, signed: JsonObject): Promise<Uint8Array> {
  const sig = Buffer.from(await signer.sign(canonicalBytes(signed))).toString('hex')
  return Buffer.from(canonicalJson({ signatures: [{ keyid: signer.keyId, sig }], signed }))
}

/**
 * The signed part of an envelope, once the pinned key has signed it. Signatures by other keys are ignored, so that a
 * second signer can be added; a key that appears twice is refused (TUF 1.0 §5, signature verification).
 * @throws PackageError package_metadata_malformed | package_signature_invalid
 */
export async function verifyEnvelope(bytes: Uint8Array, pinned: Verifier): Promise<unknown> {
  const { signatures, signed } = parseEnvelope(bytes)
  const signature = signatures.find(({ keyid }) => keyid === pinned.keyId)
  if (signature === undefined) throw new PackageError('package_signature_invalid', { about: 'key' })
  const valid = await pinned.verify(canonicalBytes(signed), Buffer.from(signature.sig, 'hex'))
  if (!valid) throw new PackageError('package_signature_invalid')
  return signed
}

function parseEnvelope(bytes: Uint8Array): z.infer<typeof envelopeSchema> {
  let envelope: z.infer<typeof envelopeSchema>
  try {
    envelope = envelopeSchema.parse(parseCanonical(bytes))
  } catch (cause) {
    throw new PackageError('package_metadata_malformed', { cause })
  }
  const keyIds = new Set(envelope.signatures.map(({ keyid }) => keyid))
  if (keyIds.size !== envelope.signatures.length)
    throw new PackageError('package_metadata_malformed', { about: 'a key signs twice' })
  return envelope
}
