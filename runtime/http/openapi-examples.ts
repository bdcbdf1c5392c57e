import { fault } from '../../device/posture/finding.ts'
import { postureFaults, postureQuestions, unknownPosture } from '../../device/posture/posture.ts'
import { bucketsOf } from '../../device/telemetry/buckets.ts'
import type {
  DecisionAnswerBody,
  DecisionReadAnswerBody,
  DeviceAnswerBody,
  ErrorAnswerBody,
  FeedbackAnswerBody,
  HealthAnswerBody,
  ModelsAnswerBody,
  RefusedAnswerBody,
  WhoAmIAnswerBody,
} from './contract.ts'
import type { LiveDecisionBody } from './contract-live.ts'
import type { ModelDetailBody, ModelJobBody, ModelJobsBody, ModelStoreBody } from './contract-models.ts'
import { errorAnswer, factsOf, messageOf } from './error-map.ts'
import { modelExamples } from './openapi-model-examples.ts'
import type {
  ChangeRequestBody,
  DecisionRequestBody,
  FeedbackRequestBody,
  ImageRequestBody,
  InstallRequestBody,
} from './request-schemas.ts'

/** One example per body; the types hold them to the contract, a test holds them to the schemas. */
const decisionId = '0f8c1e52-6f0e-4f5b-9d3c-2b7a51c0e9d4'
const requestId = '5d1a3f0b9c7e2a4486d0c1f2'
const packageHash = '4f6c9f2f7f0c0c0b8d7f1e6a5b4c3d2e1f00112233445566778899aabbccddee'
const audit = {
  origin: 'wardstone.example/box-1',
  leafIndex: 41,
  leafHash: '9b1d6f0e3c5a79887766554433221100ffeeddccbbaa99887766554433221100',
} as const
const provider = {
  provider: 'cpu',
  runtime: 'onnxruntime 1.30.0',
  threads: 1,
  nodes: { cpu: 42, cuda: 0, webgpu: 0 },
  passedOver: [{ provider: 'cuda', reason: 'missing', about: 'libonnxruntime_providers_cuda.so' }],
} as const

const decision: DecisionAnswerBody['decision'] = {
  decisionId,
  subjectPseudonym: 'P-7K3M-Q2XD',
  model: { id: 'news2', version: '1.0.0', packageHash, clinicalStatus: 'advisory' },
  decidedAt: '2026-01-05T10:15:00.000Z',
  outcome: 'scored',
  refusal: null,
  assessment: {
    outputs: {
      total: { role: 'score', display: 'NEWS2 aggregate', unit: '{score}', values: [2], label: null },
    },
    threshold: { output: 'total', alertAt: 5, clearBelow: 5 },
    alert: false,
  },
  flags: [],
  explanation: {
    method: 'model-output',
    of: 'total',
    contributions: [{ name: 'respiratory-rate', display: 'Respiratory rate', value: 2 }],
    baseline: null,
    residual: 0,
    reason: null,
  },
  narrative: 'NEWS2 aggregate 2. Respiratory rate contributed to the score.',
  validUntil: '2026-01-05T11:15:00.000Z',
  provider,
  timings: { guardUs: 75, inferUs: 491, explainUs: 25, totalUs: 709 },
  advisory: 'Advisory. The clinician decides.',
}

const refusal = {
  code: 'input_missing',
  about: 'respiratory-rate',
  message: `${messageOf('input_missing')} (respiratory-rate)`,
} as const

const refused: RefusedAnswerBody = {
  decision: { ...decision, outcome: 'refused', refusal, assessment: null, explanation: null, validUntil: null },
  audit,
  ...errorAnswer(factsOf('input_missing', 'respiratory-rate'), requestId),
}

const sample = {
  at: '2026-01-05T10:15:00.000Z',
  uptimeSeconds: 86400,
  cpu: { cores: 16, loadPercent: 12.5 },
  memory: { totalBytes: 68719476736, availableBytes: 51539607552 },
  disks: [{ path: '/var/lib/wardstone', totalBytes: 1099511627776, freeBytes: 824633720832 }],
  temperatureCelsius: 54.5,
  gpus: [
    {
      index: 0,
      name: 'Example GPU',
      utilisationPercent: 7,
      memoryUsedBytes: 1073741824,
      memoryTotalBytes: 25769803776,
      temperatureCelsius: 41,
    },
  ],
  missing: [],
} as const

/** Not looked at yet but for swap, which is found on and therefore a fault. */
const posture = {
  ...unknownPosture('The machine has not been looked at yet.'),
  swap: {
    question: postureQuestions.swap,
    ...fault('yes', 'Swap is on: /dev/sda2: no dm-crypt between the file system and the disk.', 'Switch it off.'),
  },
}

const device: DeviceAnswerBody = {
  at: '2026-01-05T10:15:05.000Z',
  sample,
  buckets: bucketsOf(sample),
  posture,
  identity: {
    state: 'in force',
    commonName: 'box-1',
    fingerprint: packageHash,
    notBefore: '2025-11-01T00:00:00.000Z',
    notAfter: '2026-11-01T00:00:00.000Z',
    daysLeft: 299,
    renewAt: '2026-07-10T04:00:00.000Z',
    renewal: 'not due',
    request: null,
    about: null,
  },
  faults: postureFaults(posture),
}

interface Examples {
  readonly DecisionRequest: DecisionRequestBody
  readonly ImageRequest: ImageRequestBody
  readonly FeedbackRequest: FeedbackRequestBody
  readonly DecisionAnswer: DecisionAnswerBody
  readonly RefusedAnswer: RefusedAnswerBody
  readonly DecisionReadAnswer: DecisionReadAnswerBody
  readonly FeedbackAnswer: FeedbackAnswerBody
  readonly ModelsAnswer: ModelsAnswerBody
  readonly ModelDetail: ModelDetailBody
  readonly ModelStore: ModelStoreBody
  readonly ModelJobs: ModelJobsBody
  readonly ModelJob: ModelJobBody
  readonly ChangeRequest: ChangeRequestBody
  readonly InstallRequest: InstallRequestBody
  readonly CancelRequest: Readonly<Record<string, never>>
  readonly HealthAnswer: HealthAnswerBody
  readonly DeviceAnswer: DeviceAnswerBody
  readonly WhoAmIAnswer: WhoAmIAnswerBody
  readonly LiveDecision: LiveDecisionBody
  readonly ErrorAnswer: ErrorAnswerBody
}

export const examples: Examples = {
  DecisionRequest: {
    model: 'news2',
    subject: 'example-0001',
    purpose: 'demonstration',
    inputs: {
      'respiratory-rate': { value: 21, unit: '/min' },
      temperature: [{ value: 95, unit: '[degF]', at: '2026-01-05T10:10:00+00:00' }],
      'supplemental-oxygen': { value: false },
      consciousness: { value: 'A' },
    },
  },
  ImageRequest: { model: 'chest-qc', subject: 'example-0001', purpose: 'demonstration' },
  FeedbackRequest: { verdict: 'override', reason: 'The respiratory rate was counted during physiotherapy.' },
  DecisionAnswer: { decision, audit },
  RefusedAnswer: refused,
  DecisionReadAnswer: {
    decision,
    audit,
    explained: null,
    feedback: [],
    inputs: [
      {
        name: 'respiratory-rate',
        display: 'Respiratory rate',
        kind: 'quantity',
        unit: '/min',
        range: { low: 0, high: 100 },
        labels: null,
        sent: [{ value: 21, unit: '/min', at: '2026-01-05T10:15:00.000Z' }],
        used: [{ value: 21, at: '2026-01-05T10:15:00.000Z' }],
        flags: [],
        contribution: 'respiratory-rate',
      },
    ],
    contract: { outputs: { total: { range: { low: 0, high: 20 }, labels: null } }, validityMinutes: 60 },
    image: null,
  },
  FeedbackAnswer: { feedbackId: '6a4b1d0e-2f33-4c55-8e77-9a0b1c2d3e4f', audit },
  ModelsAnswer: {
    models: [
      {
        slot: 'news2',
        state: 'active',
        fault: null,
        candidate: null,
        modelId: 'news2',
        version: '1.0.0',
        packageHash,
        clinicalStatus: 'advisory',
        display: 'National Early Warning Score 2',
        intendedUse: 'Track and trigger in adults.',
        validityMinutes: 60,
        inputs: [
          {
            name: 'respiratory-rate',
            display: 'Respiratory rate',
            kind: 'quantity',
            unit: '/min',
            range: { low: 0, high: 100 },
            values: null,
            tensor: null,
            series: false,
            required: true,
            maxAgeMinutes: 60,
          },
        ],
        image: null,
      },
    ],
  },
  ...modelExamples,
  HealthAnswer: {
    status: 'ready',
    faults: [],
    alarms: [
      {
        code: 'posture_swap',
        severity: 'limit',
        slot: null,
        text: posture.swap.why,
        todo: 'Switch it off.',
        since: '2026-01-05T10:00:00.000Z',
      },
    ],
    release: '0.1.0',
    logSize: 42,
    models: [
      {
        slot: 'news2',
        state: 'ready',
        restarts: 0,
        isolation: { level: 'bubblewrap', networkIsolated: true, memoryLimitBytes: 1073741824, reason: 'as required' },
        provider,
      },
    ],
  },
  DeviceAnswer: device,
  LiveDecision: {
    at: decision.decidedAt,
    slot: 'news2',
    display: 'National Early Warning Score 2',
    version: '1.0.0',
    clinicalStatus: 'advisory',
    outcome: 'scored',
    refusal: null,
    alert: false,
    provider: 'cpu',
    timings: decision.timings,
    read: null,
  },
  WhoAmIAnswer: { clientId: 'monitor-1', role: 'bedside', actions: ['decision.create', 'models.read', 'health.read'] },
  ErrorAnswer: errorAnswer(factsOf('request_malformed', 'inputs.temperature[0].unit'), requestId),
}
