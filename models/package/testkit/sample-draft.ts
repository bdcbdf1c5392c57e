import type { FileRole, Manifest } from '../manifest.ts'
import type { PackageDraft } from '../pack.ts'
import { sourceAttributeNames } from '../source-attributes.ts'

/** A model of our own making that needs no medicine: it shows one number. Short, because tests flip each of its bytes. */
const sourceAttributes = Object.fromEntries(
  sourceAttributeNames.map((name) => [name, '-']),
) as Manifest['sourceAttributes']

const contract: Manifest['contract'] = {
  inputs: [
    {
      kind: 'quantity',
      name: 'pulse',
      display: 'Pulse',
      codes: [],
      series: false,
      onMissing: 'refuse',
      maxAgeMinutes: 60,
      onStale: 'refuse',
      unit: '/min',
      range: { low: 10, high: 300 },
      onImplausible: 'refuse',
    },
  ],
  population: { description: 'Anyone', criteria: [] },
  preprocessing: [
    { op: 'observe', version: 1, inputs: ['pulse'], hours: 1, to: 'seen' },
    { op: 'tensor', version: 1, from: 'seen', tensor: 'x' },
  ],
  outputs: [
    {
      role: 'score',
      name: 'score',
      display: 'Score',
      tensor: 'y',
      unit: '1',
      range: { low: 0, high: 9 },
      decimals: 0,
    },
  ],
  calibration: { method: 'none' },
  threshold: null,
  explanation: { method: 'none', reason: 'A sample' },
  validityMinutes: 60,
  deadlineMs: 1000,
}

export const sampleManifest: PackageDraft['manifest'] = {
  modelId: 'sample',
  version: '1.0.0',
  releaseCounter: 3,
  display: 'Sample',
  clinicalStatus: 'research',
  intendedUse: 'Testing',
  wards: [],
  contraindications: [],
  languages: ['en'],
  contract,
  sourceAttributes,
  regulatory: { udiDi: null, clearance: null, pccp: null },
  validation: { metrics: [], alertsPer100PatientDays: null, positivePredictiveValue: null },
  tolerance: { cpu: 0 },
  referenceHistograms: [],
  providers: [{ name: 'cpu', need: 'required' }],
  gpuCapability: null,
  runtime: { minimum: '0.1.0', below: '1.0.0' },
  memoryBytes: 1048576,
  licence: 'Apache-2.0',
  provenance: 'Made for tests',
}

/** Text files by role, in the given order; a package that opens needs a `model`. */
export function sampleDraft(
  files: Readonly<Partial<Record<FileRole, string | Uint8Array>>> = { model: 'weights', card: 'A card.', licence: '' },
  changes: Partial<PackageDraft['manifest']> = {},
): PackageDraft {
  const list = Object.entries(files).map(([role, content]) => ({
    role: role as FileRole,
    content: Buffer.from(content),
  }))
  return { manifest: { ...sampleManifest, ...changes }, files: list }
}
