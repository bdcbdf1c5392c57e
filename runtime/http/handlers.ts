import type { Clock } from '../../device/platform/clock.ts'
import type { DeviceWatch } from '../../device/posture/device-watch.ts'
import { actions, isAllowed } from '../access/policy.ts'
import type { Principal } from '../access/principal.ts'
import { DecisionError } from '../decisions/errors.ts'
import type { ModelDetail } from '../decisions/model-detail.ts'
import type { DecisionService } from '../decisions/service-types.ts'
import type { DecisionAnswer } from '../decisions/types.ts'
import { ImageError } from '../images/errors.ts'
import { decisionAnswerSchema, refusedAnswerSchema } from './contract.ts'
import { type ErrorFacts, errorAnswer, errorFacts, factsOf, isErrorCode, retryHeaders } from './error-map.ts'
import { HttpError } from './errors.ts'
import { type ImageRequestLimits, receiveImageRequest } from './image-request.ts'
import type { ImageUpload } from './image-upload.ts'
import { writeLabelMap } from './label-map-file.ts'
import type { ModelChanges } from './model-changes.ts'
import { openApiText } from './openapi.ts'
import type { PageFiles } from './page-files.ts'
import type { ReleaseUpload } from './release-upload.ts'
import {
  parseChange,
  parseDecisionId,
  parseDecisionRequest,
  parseFeedback,
  parseJobId,
  parseOutputName,
  parseSlot,
  verifyCancel,
} from './request-bodies.ts'
import { type PathName, type Route, type RouteName, routes } from './routes.ts'

/** A request that has passed authentication, policy and the JSON rules. */
export interface Call {
  readonly caller: Principal
  readonly requestId: string
  /** What stands in the path where its template has `:name`. */
  readonly params: Readonly<Partial<Record<PathName, string>>>
  readonly body: unknown
  /** The body where it is one of an image: it has not been read. */
  readonly upload: ImageUpload | undefined
  /** The body where it is a release: it has not been read. */
  readonly release: ReleaseUpload | undefined
  /** Aborted when the caller has left. */
  readonly left?: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** JSON as text, unless the headers say otherwise. */
  readonly content: string | Uint8Array
}

export interface HandlerParts {
  readonly decisions: DecisionService
  readonly device: Pick<DeviceWatch, 'report'>
  /** One model whole; undefined when there is no such slot. */
  describe(slot: string): ModelDetail | undefined
  readonly changes: ModelChanges
  readonly pages: PageFiles
  readonly clock: Clock
  readonly limits: ImageRequestLimits
}

/** Whose answers are not made by a handler. */
export type HandledRoute = Exclude<RouteName, 'watchEvents'>

export type Handler = (call: Call) => Promise<Answer>

/** One handler per route; a route without one does not compile. */
export function createHandlers({
  decisions,
  device,
  describe,
  changes,
  pages,
  clock,
  limits,
}: HandlerParts): Readonly<Record<HandledRoute, Handler>> {
  const knownInputs = () => new Set(decisions.models().flatMap((model) => model.inputs.map((input) => input.name)))
  const document = openApiText()
  return {
    createDecision: async ({ caller, body, upload, requestId, left }) => {
      const nowMs = clock.nowMs()
      if (upload !== undefined) {
        const request = await receiveImageRequest(upload, limits, nowMs, knownInputs)
        return answerUpload(decisions.decide({ ...request, signal: left }, caller), upload, requestId)
      }
      const request = parseDecisionRequest(body, nowMs, knownInputs)
      return answerDecision(await decisions.decide({ ...request, signal: left }, caller), requestId)
    },
    readDecision: async ({ caller, params: { id } }) =>
      answer(routes.readDecision, await decisions.read(parseDecisionId(id), caller)),
    readOutput: async ({ caller, params: { id, name } }) => {
      const [decisionId, output] = [parseDecisionId(id), parseOutputName(name)]
      const content = await writeLabelMap(await decisions.readOutput(decisionId, output, caller))
      const disposition = `attachment; filename="${decisionId}-${output}.nii.gz"`
      const headers = { 'content-type': 'application/gzip', 'content-disposition': disposition }
      return { status: 200, headers, content }
    },
    readImage: async ({ caller, params: { id } }) => {
      const { dtype, layout, dims, sha256, bytes } = await decisions.readImage(parseDecisionId(id), caller)
      const headers = {
        'content-type': 'application/octet-stream',
        'wardstone-dtype': dtype,
        'wardstone-layout': layout,
        'wardstone-dims': dims.join(','),
        'wardstone-sha256': sha256,
      }
      return { status: 200, headers, content: bytes }
    },
    giveFeedback: async ({ caller, params: { id }, body }) =>
      answer(routes.giveFeedback, await decisions.giveFeedback(parseDecisionId(id), parseFeedback(body), caller)),
    listModels: async () => answer(routes.listModels, { models: decisions.models() }),
    readModel: async ({ params: { slot } }) => {
      const detail = describe(parseSlot(slot))
      if (detail === undefined) throw new DecisionError('model_unknown')
      return answer(routes.readModel, detail)
    },
    readModelStore: async () => answer(routes.readModelStore, await changes.store()),
    listModelJobs: async () => answer(routes.listModelJobs, { jobs: await changes.jobs() }),
    readModelJob: async ({ params: { job } }) => answer(routes.readModelJob, await changes.job(parseJobId(job))),
    changeModel: async ({ caller, body, release }) => {
      const begun = release === undefined ? changes.change(parseChange(body), caller) : changes.install(release, caller)
      return { ...answer(routes.changeModel, await begun), status: 202 }
    },
    cancelModelJob: async ({ caller, params: { job }, body }) => {
      verifyCancel(body)
      return answer(routes.cancelModelJob, await changes.cancel(parseJobId(job), caller))
    },
    readHealth: async () => answer(routes.readHealth, decisions.health()),
    readDevice: async () => answer(routes.readDevice, device.report()),
    readContract: async () => ({ status: 200, content: document }),
    whoAmI: async ({ caller: { clientId, role } }) => {
      const allowed = actions.filter((action) => isAllowed(role, action))
      return answer(routes.whoAmI, { clientId, role, actions: allowed })
    },
    readPage: async () => ({ status: 200, ...pages.page() }),
    readPageFile: async ({ params: { file } }) => ({ status: 200, ...pages.file(file) }),
  }
}

/**
 * Holds an answer to the contract before it leaves: a member that the contract does not name cannot slip out.
 * @throws HttpError response_malformed
 */
export function answer(route: Route, body: unknown): Answer & { readonly content: string } {
  const checked = route.answer?.safeParse(body)
  if (checked?.success !== true) throw new HttpError('response_malformed', { cause: checked?.error })
  return { status: 200, content: JSON.stringify(body) }
}

/**
 * Whoever decides knows only that the image did not arrive. Why it did not was found here, and that is what the sender is told,
 * beside the record where there is one.
 */
async function answerUpload(
  decided: Promise<DecisionAnswer>,
  { body }: ImageUpload,
  requestId: string,
): Promise<Answer> {
  try {
    const answered = await decided
    const isCutOff = body.fault !== undefined && answered.decision.refusal?.code === 'image_input_failed'
    return answerDecision(answered, requestId, isCutOff ? errorFacts(body.fault) : undefined)
  } catch (error) {
    const isCutOff = error instanceof ImageError && error.code === 'image_input_failed'
    throw (isCutOff ? body.fault : undefined) ?? error
  }
}

/** A refusal is sent whole, with the same error member and status that any other client error has. */
function answerDecision(answered: DecisionAnswer, requestId: string, said?: ErrorFacts): Answer {
  const { decision, audit, retryAfterMs } = answered
  const body = { decision, audit }
  const { refusal } = decision
  if (refusal === null) return answer({ ...routes.createDecision, answer: decisionAnswerSchema }, body)
  if (!isErrorCode(refusal.code)) throw new HttpError('response_malformed')
  const facts = said ?? factsOf(refusal.code, refusal.about ?? undefined, retryAfterMs)
  const whole = { ...body, ...errorAnswer(facts, requestId) }
  return {
    ...answer({ ...routes.createDecision, answer: refusedAnswerSchema }, whole),
    status: facts.status,
    headers: retryHeaders(facts),
  }
}
