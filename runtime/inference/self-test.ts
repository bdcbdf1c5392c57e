import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../device/platform/clock.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { ContractError, Refusal } from '../../models/contract/errors.ts'
import { type GoldenCases, type GoldenVector, goldenDifference, guardGolden } from '../../models/contract/golden.ts'
import { type Assessment, postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import type { Contract } from '../../models/contract/schema.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import type { Manifest } from '../../models/package/manifest.ts'
import { InferenceError } from './errors.ts'
import type { ModelWorker } from './types.ts'

export interface TestedModel {
  readonly manifest: Manifest
  readonly golden: GoldenCases
  readonly worker: ModelWorker
}

/**
 * Sends every golden vector of the package along the way of a patient's inputs (guard, preprocess, model, postprocess)
 * and holds the outcome against what the package says, within its tolerance for the execution provider in use.
 * @throws InferenceError inference_load_failed; inference_self_test_failed, about the first vector that differs (its
 * cause says in what)
 */
export async function selfTest(model: TestedModel, clock: Clock): Promise<void> {
  const { provider } = await model.worker.ready()
  const tolerance = model.manifest.tolerance[provider]
  // A provider that the maker did not measure is one that the model was not shown to work on.
  if (tolerance === undefined) throw new InferenceError('inference_self_test_failed', { about: provider })
  for (const vector of model.golden.vectors) {
    // A vector that is refused never waits for the model; whoever is served meanwhile gets a turn all the same.
    await nextTurn()
    const outcome = await outcomeOf(vector, model, clock)
    const difference = goldenDifference(vector, outcome, tolerance)
    if (difference !== undefined) {
      const cause = new ContractError('contract_output_invalid', { about: difference })
      throw new InferenceError('inference_self_test_failed', { about: vector.name, cause })
    }
  }
}

/** What the first golden vector that is not refused feeds the model; nothing when there is none, which the self-test then says. */
export function warmUpInputs(golden: GoldenCases, contract: Contract, clock: Clock): Tensors {
  const vector = golden.vectors.find(({ expect }) => 'outputs' in expect)
  if (vector === undefined) return {}
  const nowMs = clock.nowMs()
  try {
    return preprocess(guardGolden(vector, contract, nowMs), contract, nowMs)
  } catch (error) {
    if (isWardstoneError(error)) return {}
    throw error
  }
}

async function outcomeOf(vector: GoldenVector, model: TestedModel, clock: Clock): Promise<Assessment | Refusal> {
  const { contract } = model.manifest
  try {
    const nowMs = clock.nowMs()
    const tensors = preprocess(guardGolden(vector, contract, nowMs), contract, nowMs)
    return postprocess(await model.worker.run(tensors, clock.monotonicMs() + contract.deadlineMs), contract)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw new InferenceError('inference_self_test_failed', { about: vector.name, cause: error })
  }
}
