import { sourceAttributeNames } from '../../models/package/source-attributes.ts'
import type { ModelDetailBody, ModelJobBody, ModelStoreBody } from './contract-models.ts'
import type { ChangeRequestBody, InstallRequestBody } from './request-schemas.ts'

const packageHash = '4f6c9f2f7f0c0c0b8d7f1e6a5b4c3d2e1f00112233445566778899aabbccddee'
const newerHash = `00${packageHash.slice(2)}`

const detail: ModelDetailBody = {
  slot: 'news2',
  state: 'active',
  fault: null,
  release: {
    modelId: 'news2',
    display: 'National Early Warning Score 2',
    version: '1.0.0',
    releaseCounter: 1,
    packageHash,
    clinicalStatus: 'advisory',
    intendedUse: 'Track and trigger in adults.',
    wards: [],
    contraindications: [],
    population: 'Adults.',
    validityMinutes: 60,
    deadlineMs: 1000,
    licence: 'Apache-2.0',
    provenance: 'Written from the published chart.',
    regulatory: { udiDi: null, clearance: null, pccp: null },
    validation: {
      metrics: [{ name: 'Agreement with the chart', value: 1, low: null, high: null, on: 'All golden vectors.' }],
      alertsPer100PatientDays: null,
      positivePredictiveValue: null,
    },
    sourceAttributes: sourceAttributeNames.map((name) => ({ name, text: 'As the manifest says it.' })),
    threshold: { output: 'total', alertAt: 5, clearBelow: 5 },
    explanation: { method: 'model-output', reason: null },
    outputs: [{ name: 'total', display: 'NEWS2 aggregate', role: 'score', unit: '{score}' }],
    providers: [{ name: 'cpu', need: 'required' }],
    memoryBytes: 67108864,
    card: null,
  },
  worker: {
    state: 'ready',
    restarts: 0,
    lastFailure: null,
    isolation: { level: 'bubblewrap', networkIsolated: true, memoryLimitBytes: 1073741824, reason: 'as required' },
    provider: null,
  },
  selfTest: {
    at: '2026-01-05T10:00:00.000Z',
    goldenVectors: 204,
    largestDifference: null,
    tolerance: 0.000001,
    explanationDependsOnModel: true,
    loadMs: 812,
  },
}

const job: ModelJobBody = {
  job: '0f8c1e526f0e4f5b',
  state: 'running',
  kind: 'activate',
  source: null,
  step: 'prove',
  waiting: null,
  bytes: 0,
  totalBytes: null,
  slot: 'news2',
  package: newerHash,
  version: '1.2.0',
  code: null,
  message: null,
  startedAt: '2026-01-05T10:15:00.000Z',
  endedAt: null,
  todo: null,
}

const release = { model: 'news2', sizeBytes: 131072, grantExpires: '2026-12-31T00:00:00Z', revoked: false } as const
const store: ModelStoreBody = {
  slots: [
    {
      slot: 'news2',
      package: packageHash,
      active: { ...release, package: packageHash, version: '1.0.0', counter: 1 },
      previous: null,
      state: 'active',
      running: packageHash,
      fault: null,
    },
  ],
  staged: [{ ...release, package: newerHash, version: '1.2.0', counter: 2 }],
}

const change: ChangeRequestBody = { kind: 'activate', package: newerHash, confirm: 'news2 1.2.0' }
const install: InstallRequestBody = { kind: 'install', activate: false }

/** Examples of looking after models. */
export const modelExamples = {
  ModelDetail: detail,
  ModelStore: store,
  ModelJobs: { jobs: [job] },
  ModelJob: job,
  ChangeRequest: change,
  InstallRequest: install,
  CancelRequest: {},
} as const
