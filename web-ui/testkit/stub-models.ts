import type { Job, ModelDetail, ModelStore, StoredRelease } from '../api/answers.ts'
import { cpuProvider, HASHES, isolation } from './stub-health.ts'

const release = (model: string, version: string, hash: string, counter: number): StoredRelease => ({
  package: hash,
  model,
  version,
  counter,
  sizeBytes: 1_840_233,
  grantExpires: '2026-06-30T00:00:00Z',
  revoked: false,
})

const slot = (name: string, hash: string, active: StoredRelease, previous: StoredRelease | null) => ({
  slot: name,
  package: hash,
  active,
  previous,
  state: 'active' as const,
  running: hash,
  fault: null,
})

export const store: ModelStore = {
  slots: [
    slot(
      'news2',
      HASHES.news2,
      release('news2', '1.0.0', HASHES.news2, 3),
      release('news2', '0.9.0', 'e5'.repeat(32), 2),
    ),
    slot('sepsis-risk', HASHES.sepsis, release('sepsis-risk', '0.2.0', HASHES.sepsis, 7), null),
  ],
  staged: [
    release('news2', '1.1.0', HASHES.next, 4),
    { ...release('brain', '2.0.0', HASHES.brain, 9), sizeBytes: 34_600_111, revoked: true },
  ],
}

export const jobs: readonly Job[] = [
  {
    job: '0123456789abcdef',
    state: 'failed',
    kind: 'install',
    source: 'directory',
    step: 'verify',
    waiting: null,
    bytes: 1_840_233,
    totalBytes: 1_840_233,
    slot: 'news2',
    package: HASHES.next,
    version: '1.2.0',
    code: 'package_signature_invalid',
    message: 'A signature of the release does not verify.',
    todo: 'Do not use this release: nobody this device trusts has signed it; tell the fleet operator.',
    startedAt: '2026-01-05T09:30:00Z',
    endedAt: '2026-01-05T09:30:02Z',
  },
]

export const newsDetail: ModelDetail = {
  slot: 'news2',
  state: 'active',
  fault: null,
  release: {
    modelId: 'news2',
    display: 'National Early Warning Score 2',
    version: '1.0.0',
    releaseCounter: 3,
    packageHash: HASHES.news2,
    clinicalStatus: 'advisory',
    intendedUse: 'Supports the recognition of acutely ill adults on general wards.',
    wards: ['general wards'],
    contraindications: ['Not under 16 years of age.', 'Not in pregnancy.'],
    population: 'Acutely ill patients aged 16 or over who are not pregnant.',
    validityMinutes: 60,
    deadlineMs: 2000,
    licence: 'Apache-2.0',
    provenance: 'Written from the published table.',
    regulatory: { udiDi: null, clearance: null, pccp: null },
    validation: {
      metrics: [{ name: 'Boundaries of the published table', value: 1, low: null, high: null, on: 'golden vectors' }],
      alertsPer100PatientDays: null,
      positivePredictiveValue: null,
    },
    sourceAttributes: [
      { name: 'developer', text: 'The makers of this software.' },
      { name: 'intendedUse', text: 'Supports the recognition of acutely ill adults.' },
    ],
    threshold: { output: 'band', alertAt: 2, clearBelow: 2 },
    explanation: { method: 'model-output', reason: null },
    outputs: [{ name: 'aggregate', display: 'NEWS2 aggregate score', role: 'score', unit: '{score}' }],
    providers: [{ name: 'cpu', need: 'required' }],
    memoryBytes: 64_000_000,
    card: '# NEWS2\n\nAn early warning score, as an ONNX graph.\n\nEvery boundary of the published table is a golden vector.\n',
  },
  worker: { state: 'ready', restarts: 0, lastFailure: null, isolation, provider: cpuProvider },
  selfTest: {
    at: '2026-01-05T06:00:00Z',
    goldenVectors: 204,
    largestDifference: 0,
    tolerance: 0,
    explanationDependsOnModel: null,
    loadMs: 412,
  },
}

export const brainDetail: ModelDetail = {
  slot: 'brain',
  state: 'unavailable',
  fault: {
    code: 'package_revoked',
    message: 'The vendor has revoked this release.',
    todo: 'Install a newer release.',
  },
  release: null,
  worker: null,
  selfTest: null,
}
