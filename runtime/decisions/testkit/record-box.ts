import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { canonicalJson, type JsonObject } from '../../../device/platform/canonical-json.ts'
import { silentLog } from '../../../device/platform/log.ts'
import { Phi } from '../../../device/platform/phi.ts'
import { FakeClock } from '../../../device/testkit/fake-clock.ts'
import type { Contract } from '../../../models/contract/schema.ts'
import type { Tensors } from '../../../models/contract/tensor.ts'
import { changed, hourlyContract, NOW_MS } from '../../../models/contract/testkit/contracts.ts'
import { packModel } from '../../../models/package/pack.ts'
import { sampleDraft } from '../../../models/package/testkit/sample-draft.ts'
import type { Principal } from '../../access/principal.ts'
import type { AuditPosition, Evidence } from '../../audit/types.ts'
import type { DecisionRoom } from '../decide.ts'
import { PendingExplanations } from '../pending-explanations.ts'
import type { RecordStore } from '../review.ts'
import { SlotRegistry } from '../slot-registry.ts'
import type { ActiveModel, DecisionRequest } from '../types.ts'

const HOUR_MS = 3_600_000
const columns = ['heart-rate', 'temperature', 'lactate']

export const monitor: Principal = {
  clientId: 'monitor-1',
  role: 'bedside',
  fingerprint: '0'.repeat(64),
  strength: 'mtls',
}
export const officer: Principal = { ...monitor, clientId: 'officer-1', role: 'officer' }

/** The hourly contract, its explanation sampled. */
export const sampledContract: Contract = changed(hourlyContract, {
  explanation: {
    method: 'permutation-shapley',
    output: 'risk',
    tensor: 'features',
    groups: columns.map((name, index) => ({ name, display: name, columns: [index, index + columns.length] })),
    background: [
      [0, 0, 0, 0, 0, 0],
      [1, 1, 1, 0, 0, 0],
    ],
    seed: 5,
    permutations: 4,
    budgetMs: 100,
  },
})

/** A patient with rising heart rate and lactate. */
export function hourlyRequest(subject = 'subject-1'): DecisionRequest {
  const rates = [90, 104, 131].map((value, hour) => ({ value, unit: '/min', atMs: NOW_MS - (3 - hour) * HOUR_MS }))
  const inputs = {
    'heart-rate': rates,
    temperature: [],
    lactate: [{ value: 3.4, unit: 'mmol/L', atMs: NOW_MS - HOUR_MS }],
    age: [{ value: 61, unit: 'a', atMs: NOW_MS - HOUR_MS }],
  }
  return { model: 'sample', subject: new Phi(subject), purpose: 'treatment', inputs }
}

/** A decision room whose records stay in memory as they would in a database: as text. */
export class RecordBox {
  readonly clock = new FakeClock(NOW_MS)
  readonly written: Evidence[] = []
  readonly store: RecordStore
  readonly room: DecisionRoom & { readonly store: RecordStore }
  readonly pending: PendingExplanations
  readonly registry: SlotRegistry
  model: ActiveModel
  /** Rows that the model was asked for. */
  rows = 0
  onRun: (inputs: Tensors) => Promise<Tensors> = async (inputs) => logistic(inputs)
  #ids = 0

  /** @param explanationMs what its rehearsal took: above the budget of 100 ms explanations follow later */
  constructor(explanationMs = 101, contract = sampledContract) {
    const draft = sampleDraft()
    const { manifest } = packModel({ ...draft, manifest: { ...draft.manifest, contract } }, systemRandomness)
    const report = { level: 'plain', networkIsolated: false, memoryLimitBytes: null, reason: 'test' } as const
    const provider = { provider: 'cpu', runtime: 'test', threads: 1, nodes: null, passedOver: [] } as const
    const state = { state: 'ready', pid: 1, restarts: 0, lastFailure: undefined, isolation: report, provider } as const
    const worker = {
      ready: async () => provider,
      run: (inputs: Tensors) => {
        this.rows += inputs.features?.dims[0] ?? 0
        return this.onRun(inputs)
      },
      status: () => state,
      stop: async () => {},
    }
    this.model = { slot: 'sample', manifest, packageHash: 'a'.repeat(64), worker, explanationMs }
    this.registry = new SlotRegistry([['sample', { state: 'active', model: this.model }]])
    const bodies = () =>
      this.written.flatMap(({ body }, leafIndex) => (body === undefined ? [] : [{ body, leafIndex }]))
    const stored = ({ body, leafIndex }: { body: NonNullable<Evidence['body']>; leafIndex: number }) => ({
      content: JSON.parse(canonicalJson(body.content)) as JsonObject,
      position: { origin: 'test', leafIndex, leafHash: 'f'.repeat(64) },
    })
    this.store = {
      readBody: (id) =>
        bodies()
          .filter(({ body }) => body.id === id)
          .map(stored)[0],
      feedbackOf: (id) =>
        bodies()
          .filter(({ body }) => body.about === id)
          .map(stored),
    }
    const newId = () => {
      this.#ids += 1
      return `00000000-0000-4000-8000-${String(this.#ids).padStart(12, '0')}`
    }
    const ledger = {
      commit: async (evidence: Evidence): Promise<AuditPosition> => {
        this.written.push(evidence)
        return { origin: 'test', leafIndex: this.written.length - 1, leafHash: 'f'.repeat(64) }
      },
    }
    const common = { models: this.registry, ledger, store: this.store, clock: this.clock, log: silentLog, newId }
    this.pending = new PendingExplanations(common)
    const subjects = { open: () => ({ pseudonym: 'P-0000-0000' }) }
    this.room = { ...common, subjects, alerts: { lastAlert: () => undefined }, explanations: this.pending }
  }

  kinds(): string[] {
    return this.written.map(({ leaf }) => leaf.kind)
  }
}

/** A model with weights of its own, row by row. */
function logistic(inputs: Tensors): Tensors {
  const [rows = 0, width = 0] = inputs.features?.dims ?? []
  const data = (inputs.features?.data ?? new Float32Array()) as Float32Array
  const weights = [0.4, 0.2, 0.7, 0.1, -0.3, 0.2]
  const probability = (row: number) => {
    const score = weights.reduce((sum, weight, column) => sum + weight * (data[row * width + column] ?? 0), -1)
    return 1 / (1 + Math.exp(-score))
  }
  const values = Float32Array.from({ length: rows }, (_, row) => probability(row))
  return { probability: { dtype: 'float32', dims: [rows, 1], data: values } }
}
