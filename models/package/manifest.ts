import { z } from 'zod'
import { parseCanonical } from '../../device/platform/canonical-json.ts'
import { contractSchema } from '../contract/schema.ts'
import { PackageError } from './errors.ts'
import { sourceAttributeNames } from './source-attributes.ts'

/** The manifest: everything about a model that is data. docs/manifest.md explains each field with an example. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const text = z.string().min(1).max(8000)
const semver = z.string().regex(/^(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})(-[0-9A-Za-z.-]{1,64})?$/)

const fileSchema = z.strictObject({
  role: z.enum(['model', 'golden-vectors', 'card', 'sbom', 'licence']),
  /** Where the file's first ciphertext byte lies in the payload. */
  offset: z.int().min(0),
  /** Plaintext bytes. */
  length: z.int().min(0),
  /** SHA-256 of the plaintext. */
  sha256: hash,
  /** SHA-256 of each ciphertext chunk, tag included. */
  chunks: z.array(hash).min(1),
})

const metricSchema = z.strictObject({
  name: text,
  value: z.number().finite(),
  low: z.number().finite().nullable(),
  high: z.number().finite().nullable(),
  on: text,
})

export const manifestSchema = z.strictObject({
  schemaVersion: z.literal(1),
  modelId: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  version: semver,
  releaseCounter: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  display: text,
  /** Delivery enforces it: research reaches test destinations only. */
  clinicalStatus: z.enum(['research', 'silent', 'advisory']),
  intendedUse: text,
  wards: z.array(text),
  contraindications: z.array(text),
  languages: z.array(z.string().regex(/^[a-z]{2}(-[A-Z]{2})?$/)).min(1),
  encryption: z.strictObject({ suite: z.literal('HKDF-SHA256+AES-256-GCM-STREAM-1MiB'), salt: hash }),
  files: z.array(fileSchema).min(1).max(64),
  contract: contractSchema,
  sourceAttributes: z.strictObject(
    Object.fromEntries(sourceAttributeNames.map((name) => [name, text])) as Record<
      (typeof sourceAttributeNames)[number],
      typeof text
    >,
  ),
  /** Regulatory identity; null says that there is none. */
  regulatory: z.strictObject({ udiDi: text.nullable(), clearance: text.nullable(), pccp: text.nullable() }),
  validation: z.strictObject({
    metrics: z.array(metricSchema),
    alertsPer100PatientDays: z.number().min(0).nullable(),
    positivePredictiveValue: z.number().min(0).max(1).nullable(),
  }),
  /** Largest difference from a golden vector's expected output that still passes, per execution provider. */
  tolerance: z.strictObject({
    cpu: z.number().min(0),
    cuda: z.number().min(0).optional(),
    webgpu: z.number().min(0).optional(),
  }),
  /** Distributions of the inputs the model was made with; drift is measured against them. */
  referenceHistograms: z.array(
    z.strictObject({ input: z.string(), edges: z.array(z.number().finite()).min(2), counts: z.array(z.int().min(0)) }),
  ),
  /** In order of preference. */
  providers: z
    .array(z.strictObject({ name: z.enum(['cuda', 'webgpu', 'cpu']), need: z.enum(['required', 'preferred']) }))
    .min(1)
    .refine((list) => new Set(list.map(({ name }) => name)).size === list.length),
  gpuCapability: text.nullable(),
  runtime: z.strictObject({ minimum: semver, below: semver }),
  memoryBytes: z.int().positive(),
  /**
   * Where the model's first dimension is free: how many requests may run together, each size warmed up beforehand, and the
   * longest that one waits for others. Left out, each runs by itself.
   */
  batching: z
    .strictObject({
      sizes: z
        .array(z.int().min(1).max(256))
        .min(1)
        .max(8)
        .refine((sizes) => sizes.every((size, index) => index === 0 || size > (sizes[index - 1] ?? 0))),
      maxWaitMs: z.number().min(0).max(1000),
    })
    .optional(),
  licence: text,
  provenance: text,
})

export type Manifest = z.infer<typeof manifestSchema>
export type ManifestFile = z.infer<typeof fileSchema>
export type FileRole = ManifestFile['role']

/** @throws PackageError package_manifest_invalid when the bytes are not canonical JSON of the schema. */
export function parseManifest(bytes: Uint8Array): Manifest {
  try {
    return manifestSchema.parse(parseCanonical(bytes))
  } catch (cause) {
    throw new PackageError('package_manifest_invalid', { cause })
  }
}
