import type { Clock } from '../../device/platform/clock.ts'
import type { DeviceWatch } from '../../device/posture/device-watch.ts'
import type { Principal } from '../access/principal.ts'
import type { DecisionService } from '../decisions/service-types.ts'
import type { DecisionAnswer } from '../decisions/types.ts'
import { decisionAnswerSchema, refusedAnswerSchema } from './contract.ts'
import { errorAnswer, factsOf, isErrorCode, retryHeaders } from './error-map.ts'
import { HttpError } from './errors.ts'
import { openApiText } from './openapi.ts'
import { parseDecisionId, parseDecisionRequest, parseFeedback } from './request-bodies.ts'
import { type Route, type RouteName, routes } from './routes.ts'

/** A request that has passed authentication, policy and the JSON rules. */
export interface Call {
  readonly caller: Principal
  readonly requestId: string
  /** The `:id` of the path; undefined where the path has none. */
  readonly id: string | undefined
  readonly body: unknown
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** JSON text. */
  readonly text: string
}

export type Handler = (call: Call) => Promise<Answer>

/** One handler per route; a route without one does not compile. */
export function createHandlers(
  decisions: DecisionService,
  device: Pick<DeviceWatch, 'report'>,
  clock: Clock,
): Readonly<Record<RouteName, Handler>> {
  const knownInputs = () => new Set(decisions.models().flatMap((model) => model.inputs.map((input) => input.name)))
  const document = openApiText()
  return {
    createDecision: async ({ caller, body, requestId }) => {
      const request = parseDecisionRequest(body, clock.nowMs(), knownInputs)
      return answerDecision(await decisions.decide(request, caller), requestId)
    },
    readDecision: async ({ caller, id }) =>
      answer(routes.readDecision, await decisions.read(parseDecisionId(id), caller)),
    giveFeedback: async ({ caller, id, body }) =>
      answer(routes.giveFeedback, await decisions.giveFeedback(parseDecisionId(id), parseFeedback(body), caller)),
    listModels: async () => answer(routes.listModels, { models: decisions.models() }),
    readHealth: async () => answer(routes.readHealth, decisions.health()),
    readDevice: async () => answer(routes.readDevice, device.report()),
    readContract: async () => ({ status: 200, text: document }),
  }
}

/**
 * Holds an answer to the contract before it leaves: a member that the contract does not name cannot slip out.
 * @throws HttpError response_malformed
 */
function answer(route: Route, body: unknown): Answer {
  const checked = route.answer?.safeParse(body)
  if (checked?.success !== true) throw new HttpError('response_malformed', { cause: checked?.error })
  return { status: 200, text: JSON.stringify(body) }
}

/** A refusal is sent whole, with the same error member and status that any other client error has. */
function answerDecision(body: DecisionAnswer, requestId: string): Answer {
  const { refusal } = body.decision
  if (refusal === null) return answer({ ...routes.createDecision, answer: decisionAnswerSchema }, body)
  if (!isErrorCode(refusal.code)) throw new HttpError('response_malformed')
  const facts = factsOf(refusal.code, refusal.about ?? undefined)
  const whole = { ...body, ...errorAnswer(facts, requestId) }
  return {
    ...answer({ ...routes.createDecision, answer: refusedAnswerSchema }, whole),
    status: facts.status,
    headers: retryHeaders(facts),
  }
}
