import type { Clock } from '../../device/platform/clock.ts'
import { Refusal } from '../../models/contract/errors.ts'
import { guard } from '../../models/contract/guard.ts'
import { postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import type { Contract } from '../../models/contract/schema.ts'
import { type MatchedInput, matchInputs, observationsOfHour } from '../../models/icu-stays/observations.ts'
import type { IcuStay } from '../../models/icu-stays/stay.ts'
import type { ActiveModel } from '../decisions/types.ts'
import { EvaluationError } from './errors.ts'
import type { ScoredStay } from './figures.ts'

/** Hours that are on their way at once: the worker has the next one when it ends the last. */
const HOURS_AT_ONCE = 8
/** Nobody waits at a bedside; a run that takes this long has a fault. */
const RUN_LIMIT_MS = 60_000

export interface StayScorer {
  /** The probability of every hour, as a decision at that hour would have it. @throws EvaluationError, ContractError, InferenceError */
  score(stay: IcuStay): Promise<ScoredStay>
  /** How often which guard refused: by code, and what it was about. */
  readonly refusals: ReadonlyMap<string, number>
}

/**
 * Takes hours of stays along the path of a decision — guard, preprocess, the model's worker, postprocess — and records
 * nothing.
 * @throws EvaluationError evaluation_output_missing | evaluation_inputs_missing
 */
export function createStayScorer(model: Pick<ActiveModel, 'manifest' | 'worker'>, clock: Clock): StayScorer {
  const { contract } = model.manifest
  const matched = matchEssential(contract)
  const output = probabilityOf(contract)
  const refusals = new Map<string, number>()
  const scoreHour = async (stay: IcuStay, hour: number): Promise<number | undefined> => {
    try {
      const nowMs = clock.nowMs()
      const guarded = guard(observationsOfHour(stay, hour, matched, nowMs), contract, nowMs)
      const tensors = preprocess(guarded, contract, nowMs)
      const raw = await model.worker.run(tensors, clock.monotonicMs() + RUN_LIMIT_MS)
      return postprocess(raw, contract).outputs[output]?.values[0]
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const what = error.about === undefined ? error.code : `${error.code} (${error.about})`
      refusals.set(what, (refusals.get(what) ?? 0) + 1)
      return undefined
    }
  }
  const score = async (stay: IcuStay): Promise<ScoredStay> => {
    if (!stay.isLabelled) throw new EvaluationError('evaluation_labels_missing')
    const probabilities: (number | undefined)[] = []
    for (let start = 0; start < stay.hours.length; start += HOURS_AT_ONCE) {
      const some = stay.hours.slice(start, start + HOURS_AT_ONCE)
      probabilities.push(...(await Promise.all(some.map(({ hour }) => scoreHour(stay, hour)))))
    }
    return { onset: stay.onset, probabilities }
  }
  return { score, refusals }
}

/** The name of the one probability that the model puts out. */
export function probabilityOf({ outputs }: Contract): string {
  const [only, ...others] = outputs.filter(({ role }) => role === 'probability')
  if (only === undefined || others.length > 0) throw new EvaluationError('evaluation_output_missing')
  return only.name
}

/** A model that is never told of an essential input would refuse every hour: that is a mistake, and no measurement. */
function matchEssential(contract: Contract): readonly MatchedInput[] {
  const matched = matchInputs(contract)
  const missing = contract.inputs.filter(
    ({ name, onMissing }) => onMissing === 'refuse' && !matched.some(({ input }) => input.name === name),
  )
  if (missing.length > 0)
    throw new EvaluationError('evaluation_inputs_missing', { about: missing.map(({ name }) => name).join(', ') })
  return matched
}
