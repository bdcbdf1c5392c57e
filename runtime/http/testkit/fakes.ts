import type { DeviceReport } from '../../../device/posture/device-report.ts'
import type { Principal } from '../../access/principal.ts'
import type { AuditPosition, Evidence, Ledger } from '../../audit/types.ts'
import type { DecisionService, Feedback, KeptOutput } from '../../decisions/service-types.ts'
import type { DecisionAnswer, DecisionRequest } from '../../decisions/types.ts'
import { examples } from '../openapi-examples.ts'

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

/** A decision room without models: each method is replaced by the test that needs it to do something else. */
export class FakeDecisions implements DecisionService {
  readonly requests: DecisionRequest[] = []
  readonly callers: Principal[] = []
  readonly feedback: Feedback[] = []
  readonly reads: string[] = []
  onDecide: (request: DecisionRequest) => Promise<DecisionAnswer> = async () => examples.DecisionAnswer
  onRead: () => Promise<unknown> = async () => examples.DecisionReadAnswer
  onReadOutput: () => Promise<unknown> = async () => keptLabels
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

/** The machine as the example of the contract has it. */
export class FakeDevice {
  onReport: () => unknown = () => examples.DeviceAnswer

  report(): DeviceReport {
    return this.onReport() as DeviceReport
  }
}
