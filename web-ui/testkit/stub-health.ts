import type { ModelsAnswerBody } from '../../runtime/http/contract.ts'
import type { Alarm, Health } from '../api/answers.ts'

/** Answers about the box itself, made up. Hashes say by their digits that nothing was hashed. */
export const HASHES = { news2: 'a1'.repeat(32), sepsis: 'b2'.repeat(32), next: 'c3'.repeat(32), brain: 'd4'.repeat(32) }

export const cpuProvider = {
  provider: 'cpu',
  runtime: 'onnxruntime-node 1.30.0',
  threads: 2,
  nodes: { cpu: 41, cuda: 0, webgpu: 0 },
  passedOver: [{ provider: 'cuda', reason: 'missing', about: 'libcuda.so.1' }],
} as const

export const isolation = {
  level: 'bubblewrap',
  networkIsolated: true,
  memoryLimitBytes: 805_306_368,
  reason: 'bubblewrap',
} as const

export const alarms: readonly Alarm[] = [
  {
    code: 'package_revoked',
    severity: 'stop',
    slot: 'brain',
    text: 'The vendor has revoked this release, so the model does not run.',
    todo: 'Install a newer release on the page Models.',
    since: '2026-01-05T09:12:40Z',
  },
  {
    code: 'disk_nearly_full',
    severity: 'limit',
    slot: null,
    text: 'The volume /var/lib/wardstone is nearly full: 3 % are free.',
    todo: 'Free space on the volume. With a full disk nothing can be recorded, and so nothing is decided.',
    since: '2026-01-05T08:55:00Z',
  },
  {
    code: 'certificate_expires_soon',
    severity: 'watch',
    slot: null,
    text: 'The device certificate expires in 12 days and no new one has been issued.',
    todo: 'Have the request device/identity.d/next/request.pem signed.',
    since: null,
  },
]

const deciding = (slot: string, state: 'ready' | 'busy', restarts: number) => ({
  slot,
  state,
  restarts,
  isolation,
  provider: cpuProvider,
})

export const health: Health = {
  status: 'degraded',
  faults: alarms.map(({ text }) => text),
  alarms,
  release: '0.1.0',
  logSize: 18_442,
  models: [
    deciding('news2', 'ready', 0),
    deciding('sepsis-risk', 'busy', 1),
    { slot: 'brain', state: 'unavailable', restarts: 0, isolation: null, provider: null },
  ],
}

export const wellHealth: Health = {
  ...health,
  status: 'ready',
  faults: [],
  alarms: [],
  models: health.models.slice(0, 2),
}
export const emptyHealth: Health = { ...health, status: 'unavailable', faults: [], alarms: [], logSize: 1, models: [] }

const noRange = { range: null, values: null, tensor: null, series: false, required: true, maxAgeMinutes: 240 } as const

export const models: ModelsAnswerBody = {
  models: [
    {
      slot: 'news2',
      state: 'active',
      fault: null,
      candidate: { version: '1.1.0', packageHash: HASHES.next },
      modelId: 'news2',
      version: '1.0.0',
      packageHash: HASHES.news2,
      clinicalStatus: 'advisory',
      display: 'National Early Warning Score 2',
      intendedUse: 'Supports the recognition of acutely ill adults on general wards.',
      validityMinutes: 60,
      inputs: [
        {
          ...noRange,
          name: 'respiratory-rate',
          display: 'Respiratory rate',
          kind: 'quantity',
          unit: '/min',
          range: { low: 0, high: 100 },
        },
        {
          ...noRange,
          name: 'consciousness',
          display: 'Consciousness (ACVPU)',
          kind: 'code',
          unit: null,
          values: ['A', 'C', 'V', 'P', 'U'],
        },
      ],
      image: null,
    },
    {
      slot: 'sepsis-risk',
      state: 'active',
      fault: null,
      candidate: null,
      modelId: 'sepsis-risk',
      version: '0.2.0',
      packageHash: HASHES.sepsis,
      clinicalStatus: 'research',
      display: 'Risk of sepsis within six hours',
      intendedUse: 'Research on hourly intensive care data.',
      validityMinutes: 60,
      inputs: [
        {
          ...noRange,
          name: 'heart-rate',
          display: 'Heart rate',
          kind: 'quantity',
          unit: '/min',
          range: { low: 10, high: 350 },
          series: true,
        },
      ],
      image: null,
    },
    {
      slot: 'brain',
      state: 'unavailable',
      fault: 'package_revoked',
      candidate: null,
      modelId: 'brain',
      version: null,
      packageHash: null,
      clinicalStatus: null,
      display: null,
      intendedUse: null,
      validityMinutes: null,
      inputs: [],
      image: null,
    },
  ],
}
