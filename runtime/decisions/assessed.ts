import type { ContractError, Refusal } from '../../models/contract/errors.ts'
import type { GuardedInputs } from '../../models/contract/guard.ts'
import type { Assessment } from '../../models/contract/postprocess.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import type { ImageError } from '../images/errors.ts'
import type { InferenceError } from '../inference/errors.ts'
import type { ImageCase } from './image-intake.ts'
import type { GateRecord } from './image-record.ts'
import type { DecisionRequest, Explanation } from './types.ts'

/** What one request led to, before it is recorded. */
export type Assessed =
  | {
      readonly outcome: 'scored'
      readonly guarded: GuardedInputs
      readonly gates: readonly GateRecord[]
      readonly assessment: Assessment
      /** What the model made and the answer is too small for: the labels of a segmentation, by the output's name. */
      readonly large: Tensors
      readonly explanation: Explanation
      /** Requests that the model answered in the same run, this one among them. */
      readonly batchSize: number
    }
  | {
      readonly outcome: 'refused'
      readonly guarded: GuardedInputs | undefined
      readonly gates: readonly GateRecord[]
      readonly refusal: Refusal | ContractError | InferenceError | ImageError
    }

/** What is assessed: the inputs as they were sent, and the image as it was decoded. */
export interface AssessedRequest {
  readonly inputs: DecisionRequest['inputs']
  readonly image?: ImageCase | undefined
  readonly timeoutMs?: DecisionRequest['timeoutMs']
}
