import { randomUUID } from 'node:crypto'
import { systemRandomness } from '../../../../device/crypto/randomness.ts'
import { type Clock, systemClock } from '../../../../device/platform/clock.ts'
import { silentLog } from '../../../../device/platform/log.ts'
import { anyPackage } from '../../../../models/authoring/testkit/any-package.ts'
import { identityModel } from '../../../../models/authoring/testkit/identity-model.ts'
import type { Contract } from '../../../../models/contract/schema.ts'
import {
  elementArrays,
  elementTypeNames,
  isBigElement,
  type Tensor,
  type Tensors,
} from '../../../../models/contract/tensor.ts'
import { hourlyContract, spotContract } from '../../../../models/contract/testkit/contracts.ts'
import type { Manifest } from '../../../../models/package/manifest.ts'
import { type PackageDraft, packModel } from '../../../../models/package/pack.ts'
import { sampleDraft } from '../../../../models/package/testkit/sample-draft.ts'
import type { AuditPosition, Evidence } from '../../../audit/types.ts'
import { createDecisionService } from '../../../decisions/service.ts'
import type { DecisionService } from '../../../decisions/service-types.ts'
import { SlotRegistry } from '../../../decisions/slot-registry.ts'
import type { ActiveModel } from '../../../decisions/types.ts'
import type { ModelWorker } from '../../../inference/types.ts'
import { OipAdapter } from '../adapter.ts'
import type { OipDecisionRequest } from '../decision-request.ts'
import { InferenceStatistics } from '../statistics.ts'

/** The real decision room over models that are made here, with a log in memory. */
export class OipBox {
  readonly registry = new SlotRegistry()
  readonly written: Evidence[] = []
  /** What the adapters asked of the decision room. */
  readonly asked: OipDecisionRequest[] = []
  readonly statistics: InferenceStatistics
  readonly decisions: DecisionService
  readonly adapter: OipAdapter
  onCommit: (evidence: Evidence) => Promise<void> = async () => {}

  constructor(clock: Clock = systemClock) {
    const commit = async (evidence: Evidence): Promise<AuditPosition> => {
      await this.onCommit(evidence)
      this.written.push(evidence)
      return { origin: 'test', leafIndex: this.written.length - 1, leafHash: 'f'.repeat(64) }
    }
    const service = createDecisionService({
      models: this.registry,
      ledger: { commit },
      store: { readBody: () => undefined, feedbackOf: () => [] },
      subjects: { open: (subject) => ({ pseudonym: `P-${subject.length}` }) },
      alerts: { lastAlert: () => undefined },
      clock,
      log: silentLog,
      newId: randomUUID,
      release: '0.0.0-test',
      logSize: () => this.written.length,
    })
    this.statistics = new InferenceStatistics(this.registry.slots, clock)
    const counted = this.statistics.watch(service)
    this.decisions = {
      ...counted,
      decide: (request, caller) => {
        this.asked.push(request)
        return counted.decide(request, caller)
      },
    }
    const { decisions, statistics } = this
    this.adapter = new OipAdapter({ decisions, statistics, slots: this.registry.slots, clock, release: '0.0.0-test' })
  }

  /** Puts a model into its slot. @param run what its worker does */
  serve(slot: string, manifest: Manifest, run: ModelWorker['run'], packageHash = 'a'.repeat(64)): ActiveModel {
    const model = { slot, manifest, packageHash, worker: workerThat(run), explanationMs: 0 }
    void this.registry.swap(slot, model)
    return model
  }

  leaves(kind: Evidence['leaf']['kind']): Evidence[] {
    return this.written.filter(({ leaf }) => leaf.kind === kind)
  }
}

/**
 * `spot`: quantities, codes and flags; `hourly`: series; `identity`: tensors of every type, as they came; `loading` and
 * `broken`: no model.
 */
export function fullBox(clock?: Clock): OipBox {
  const box = new OipBox(clock)
  box.serve('spot', withContract(spotContract), async () => spotTensors)
  box.serve('hourly', withContract(hourlyContract), async (inputs) => ({ probability: quarter(inputs) }))
  box.serve('identity', identityManifest(), async (inputs) => echo(inputs))
  box.registry.set('loading', { state: 'loading' })
  box.registry.set('broken', { state: 'unavailable', fault: 'package_hash_mismatch' })
  return box
}

/** What a worker of the identity model says. */
export function echo(inputs: Tensors): Tensors {
  return Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name.replace(/^in-/, 'out-'), tensor]))
}

export function withContract(contract: Contract): Manifest {
  const draft = sampleDraft()
  return packed({ ...draft, manifest: { ...draft.manifest, contract } })
}

/** Tensors of up to four numbers; of float64 also those that are none. */
function identityManifest(): Manifest {
  const ones = elementTypeNames.map((dtype) => {
    return { dtype, dims: [1], data: isBigElement(dtype) ? elementArrays[dtype].of(1n) : elementArrays[dtype].of(1) }
  })
  const change = (contract: Contract): Contract => ({
    ...contract,
    inputs: contract.inputs.map((input) =>
      input.kind === 'tensor'
        ? {
            ...input,
            onMissing: 'refuse',
            dims: [{ max: 4 }],
            onNotFinite: input.dtype === 'float64' ? 'allow' : 'refuse',
          }
        : input,
    ),
    outputs: contract.outputs.map((output) => (output.role === 'tensor' ? { ...output, dims: [{ max: 4 }] } : output)),
  })
  return packed(anyPackage(identityModel(), 'identity', { inputs: ones, outputs: ones }, change))
}

export function packed(draft: PackageDraft): Manifest {
  return packModel(draft, systemRandomness).manifest
}

const floats = (...data: number[]) => ({
  dtype: 'float32' as const,
  dims: [1, data.length],
  data: Float32Array.from(data),
})
/** The same for each row: what explains a result asks for several. */
function quarter({ features }: Tensors): Tensor {
  const rows = features?.dims[0] ?? 0
  return { dtype: 'float32', dims: [rows, 1], data: new Float32Array(rows).fill(0.25) }
}

export const spotTensors: Tensors = { aggregate: floats(6), band: floats(1), points: floats(3, 1, 2, 0) }

function workerThat(run: ModelWorker['run']): ModelWorker {
  const isolation = { level: 'bubblewrap', networkIsolated: true, memoryLimitBytes: 1, reason: '' } as const
  const provider = { provider: 'cpu', runtime: 'test', threads: 1, nodes: null, passedOver: [] } as const
  const status = { state: 'ready', pid: 1, restarts: 0, lastFailure: undefined, isolation, provider } as const
  return { ready: async () => provider, run, status: () => status, stop: async () => {} }
}
