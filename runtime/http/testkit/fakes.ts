import type { DeviceReport } from '../../../device/posture/device-report.ts'
import type { JobAnswer, ListAnswer } from '../../../models/store/control-channel.ts'
import type { Principal } from '../../access/principal.ts'
import type { AuditPosition, Evidence, Ledger } from '../../audit/types.ts'
import type { DecisionService, Feedback, KeptImage, KeptOutput } from '../../decisions/service-types.ts'
import type { DecisionAnswer, DecisionRequest } from '../../decisions/types.ts'
import type { ModelJobBody } from '../contract-models.ts'
import { examples } from '../openapi-examples.ts'
import type { UpdaterLink } from '../updater-link.ts'

/** A ledger in memory; `failure` makes every commit fail. */
export class FakeLedger implements Ledger {
  readonly leaves: Evidence['leaf'][] = []
  failure: Error | undefined

  async commit({ leaf }: Evidence): Promise<AuditPosition> {
    await Promise.resolve()
    if (this.failure !== undefined) throw this.failure
    this.leaves.push(leaf)
    return { origin: 'test', leafIndex: this.leaves.length - 1, leafHash: '00'.repeat(32) }
  }

  ofKind(kind: Evidence['leaf']['kind']): Evidence['leaf'][] {
    return this.leaves.filter((leaf) => leaf.kind === kind)
  }
}

/** Two frames of two rows and three columns. */
export const keptLabels: KeptOutput = {
  labels: Uint8Array.of(0, 1, 2, 0, 0, 1, 2, 2, 2, 0, 1, 0),
  dims: [1, 2, 2, 3],
  affineRas: [-1, 0, 0, 10, 0, 1.5, 0, -20, 0, 0, 2, 30],
}

export const keptImage: KeptImage = {
  dtype: 'uint8',
  layout: 'NCHW',
  dims: [1, 1, 2, 3],
  sha256: '00'.repeat(32),
  bytes: Uint8Array.of(0, 1, 2, 253, 254, 255),
}

/** A decision room without models: each method is replaced by the test that needs it to do something else. */
export class FakeDecisions implements DecisionService {
  readonly requests: DecisionRequest[] = []
  readonly callers: Principal[] = []
  readonly feedback: Feedback[] = []
  readonly reads: string[] = []
  onDecide: (request: DecisionRequest) => Promise<DecisionAnswer> = async () => examples.DecisionAnswer
  onRead: () => Promise<unknown> = async () => examples.DecisionReadAnswer
  onReadOutput: () => Promise<unknown> = async () => keptLabels
  onReadImage: () => Promise<unknown> = async () => keptImage
  onFeedback: () => Promise<unknown> = async () => examples.FeedbackAnswer
  onModels: () => unknown = () => examples.ModelsAnswer.models
  onHealth: () => unknown = () => examples.HealthAnswer

  decide(request: DecisionRequest, caller: Principal): Promise<DecisionAnswer> {
    this.requests.push(request)
    this.callers.push(caller)
    return this.onDecide(request)
  }

  read(decisionId: string): ReturnType<DecisionService['read']> {
    this.reads.push(decisionId)
    return this.onRead() as ReturnType<DecisionService['read']>
  }

  readOutput(decisionId: string, output: string): ReturnType<DecisionService['readOutput']> {
    this.reads.push(`${decisionId}/${output}`)
    return this.onReadOutput() as ReturnType<DecisionService['readOutput']>
  }

  readImage(decisionId: string): ReturnType<DecisionService['readImage']> {
    this.reads.push(`${decisionId}/image`)
    return this.onReadImage() as ReturnType<DecisionService['readImage']>
  }

  giveFeedback(_decisionId: string, feedback: Feedback): ReturnType<DecisionService['giveFeedback']> {
    this.feedback.push(feedback)
    return this.onFeedback() as ReturnType<DecisionService['giveFeedback']>
  }

  models(): ReturnType<DecisionService['models']> {
    return this.onModels() as ReturnType<DecisionService['models']>
  }

  health(): ReturnType<DecisionService['health']> {
    return this.onHealth() as ReturnType<DecisionService['health']>
  }
}

/** An updater that keeps one job and what it was asked. */
export class FakeUpdater implements UpdaterLink {
  readonly asked: (readonly unknown[])[] = []
  onAsk: (method: string) => unknown = () => undefined
  currentJob: JobAnswer = jobOf(examples.ModelJob)
  store = { ...examples.ModelStore, jobs: [this.currentJob] } as unknown as ListAnswer

  async list(): Promise<ListAnswer> {
    this.#ask('list')
    return this.store
  }

  job(job: string): Promise<JobAnswer> {
    return this.#begin('job', job)
  }

  install(folder: string, activate: boolean, by: string): Promise<JobAnswer> {
    return this.#begin('install', folder, activate, by)
  }

  activate(packageHash: string, by: string): Promise<JobAnswer> {
    return this.#begin('activate', packageHash, by)
  }

  rollback(slot: string, by: string): Promise<JobAnswer> {
    return this.#begin('rollback', slot, by)
  }

  cancel(job: string): Promise<JobAnswer> {
    return this.#begin('cancel', job)
  }

  close(): void {}

  async #begin(...asked: readonly [string, ...unknown[]]): Promise<JobAnswer> {
    this.#ask(...asked)
    return this.currentJob
  }

  #ask(...asked: readonly [string, ...unknown[]]): void {
    this.asked.push(asked)
    this.onAsk(asked[0])
  }
}

function jobOf({ todo: _, ...job }: ModelJobBody): JobAnswer {
  return job
}

/** The machine as the example of the contract has it. */
export class FakeDevice {
  onReport: () => unknown = () => examples.DeviceAnswer

  report(): DeviceReport {
    return this.onReport() as DeviceReport
  }
}
