import type { DeviceReport } from '../../device/posture/device-report.ts'
import type { LiveDecision } from '../decisions/live-decisions.ts'
import type { DecisionReadAnswer, FeedbackEntry, HealthReport, ModelSummary } from '../decisions/service-types.ts'
import type { DecisionAnswer } from '../decisions/types.ts'
import type {
  DecisionAnswerBody,
  DecisionReadAnswerBody,
  DeviceAnswerBody,
  HealthAnswerBody,
  ModelsAnswerBody,
} from './contract.ts'
import type { LiveDecisionBody } from './contract-live.ts'

/**
 * Does not compile when the contract and the rooms behind it no longer describe the same thing. Apart from the contract, which
 * the web pages read as well: they are checked as a browser's, and the rooms are not.
 */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
type Holds<T extends true> = T
export type ContractMatchesRooms = [
  Holds<Same<DecisionAnswerBody, DecisionAnswer>>,
  Holds<Same<DecisionReadAnswerBody, DecisionReadAnswer>>,
  Holds<Same<DecisionReadAnswerBody['feedback'][number], FeedbackEntry>>,
  Holds<Same<ModelsAnswerBody['models'][number], ModelSummary>>,
  Holds<Same<HealthAnswerBody, HealthReport>>,
  Holds<Same<DeviceAnswerBody, DeviceReport>>,
  Holds<Same<LiveDecisionBody, LiveDecision>>,
]
