import type { Clock } from '../../../device/platform/clock.ts'
import type { Principal } from '../../access/principal.ts'
import { DecisionError } from '../../decisions/errors.ts'
import type { DecisionService } from '../../decisions/service-types.ts'
import type { ActiveModel, DecisionAnswer, Slots } from '../../decisions/types.ts'
import { type InferenceContext, toDecisionRequest } from './decision-request.ts'
import { refuseOip } from './errors.ts'
import type { InferenceRequest, InferenceResponse } from './inference.ts'
import { toInferenceResponse, verifyRequestedOutputs } from './inference-response.ts'
import { applianceMetrics, inferenceMetrics, readProcessFacts, writeMetrics } from './metrics.ts'
import { describeModel, type ModelMetadata } from './model-metadata.ts'
import type { InferenceStatistics, ModelTally } from './statistics.ts'
import { describeFault, type OipFault } from './status.ts'

export interface OipParts {
  /** Counted, where there are statistics: what `InferenceStatistics.watch` gave back. */
  readonly decisions: DecisionService
  readonly slots: Slots
  readonly statistics: InferenceStatistics
  readonly clock: Clock
  readonly release: string
}

/** An answer, or a refusal that stands in the audit log like one. */
export type InferenceOutcome =
  | { readonly outcome: 'scored'; readonly response: InferenceResponse }
  | { readonly outcome: 'refused'; readonly fault: OipFault; readonly decisionId: string; readonly leafIndex: number }

export interface IndexEntry {
  readonly name: string
  readonly version: string
  readonly state: 'READY' | 'LOADING' | 'UNAVAILABLE'
  readonly reason: string
}

/** The protocol's extensions that are answered, by their registered names. */
const extensions = ['binary_tensor_data', 'model_repository', 'parameters', 'schedule_policy', 'statistics'] as const

/**
 * The Open Inference Protocol, free of its transports: it translates, and decides nothing. Every inference is one decision of
 * the decision room, with its leaf.
 */
export class OipAdapter {
  readonly #parts: OipParts

  constructor(parts: OipParts) {
    this.#parts = parts
  }

  serverMetadata(): { readonly name: string; readonly version: string; readonly extensions: readonly string[] } {
    return { name: 'wardstone', version: this.#parts.release, extensions }
  }

  /** Every slot has a model that can decide. */
  isReady(): boolean {
    const { models } = this.#parts.decisions.health()
    return models.length > 0 && models.every(({ slot }) => this.#canDecide(slot))
  }

  /** @throws DecisionError model_unknown; OipError oip_version_unknown */
  isModelReady(slot: string, version: string): boolean {
    const content = this.#parts.slots.get(slot)
    if (content === undefined) throw new DecisionError('model_unknown')
    if (content.state === 'active') verifyVersion(content.model, version)
    return this.#canDecide(slot)
  }

  /** @throws DecisionError model_unknown | model_loading | model_unavailable; OipError oip_version_unknown */
  modelMetadata(slot: string, version: string): ModelMetadata {
    const { manifest, packageHash } = this.#model(slot, version)
    return describeModel(slot, manifest, packageHash)
  }

  /**
   * One inference: one decision.
   * @throws OipError, DecisionError: nothing was decided; what else the decision room throws
   */
  async infer(
    request: InferenceRequest,
    caller: Principal,
    context: Omit<InferenceContext, 'clientId' | 'nowMs'>,
  ): Promise<InferenceOutcome> {
    const model = this.#model(request.model, request.version)
    const { contract } = model.manifest
    verifyRequestedOutputs(request, contract)
    const own = { ...context, clientId: caller.clientId, nowMs: this.#parts.clock.nowMs() }
    const answer = await this.#parts.decisions.decide(toDecisionRequest(request, contract, own), caller)
    const { refusal, decisionId } = answer.decision
    const { leafIndex } = answer.audit
    if (refusal !== null)
      return { outcome: 'refused', fault: describeFault(refusal.code, refusal), decisionId, leafIndex }
    const decidedBy = this.#decidedBy(answer, request.model, model)
    return { outcome: 'scored', response: toInferenceResponse(answer, decidedBy.manifest.contract, request) }
  }

  repositoryIndex(readyOnly: boolean): readonly IndexEntry[] {
    const entries = this.#parts.decisions.models().map(({ slot, version, state, fault }): IndexEntry => {
      const isLoading = fault === 'model_loading'
      const isReady = state === 'active' && this.#canDecide(slot)
      const now = isReady ? 'READY' : isLoading ? 'LOADING' : 'UNAVAILABLE'
      return { name: slot, version: version ?? '', state: now, reason: fault ?? '' }
    })
    return readyOnly ? entries.filter(({ state }) => state === 'READY') : entries
  }

  /**
   * @param slot empty: all of them
   * @throws DecisionError model_unknown; OipError oip_version_unknown
   */
  modelStatistics(slot: string, version: string): readonly ModelTally[] {
    if (slot !== '' && !this.#parts.slots.has(slot)) throw new DecisionError('model_unknown')
    const tallies = this.#parts.statistics
      .tallies()
      .filter((tally) => (slot === '' || tally.slot === slot) && (version === '' || tally.version === version))
    if (version !== '' && tallies.length === 0) refuseOip('oip_version_unknown')
    return tallies
  }

  /** As text for Prometheus. */
  metrics(): string {
    const { decisions, statistics, clock } = this.#parts
    const facts = readProcessFacts(clock.nowMs())
    return writeMetrics([...inferenceMetrics(statistics.tallies()), ...applianceMetrics(decisions.health(), facts)])
  }

  #canDecide(slot: string): boolean {
    const state = this.#parts.decisions.health().models.find((model) => model.slot === slot)?.state
    return state === 'ready' || state === 'busy' || state === 'unloaded'
  }

  #model(slot: string, version: string): ActiveModel {
    const content = this.#parts.slots.get(slot)
    if (content === undefined) throw new DecisionError('model_unknown')
    if (content.state === 'loading') throw new DecisionError('model_loading')
    if (content.state === 'unavailable') throw new DecisionError('model_unavailable', { about: content.fault })
    verifyVersion(content.model, version)
    return content.model
  }

  /** A model may have taken the slot between the reading of the request and the decision. */
  #decidedBy({ decision }: DecisionAnswer, slot: string, asked: ActiveModel): ActiveModel {
    const now = this.#parts.slots.get(slot)
    const models = [asked, ...(now?.state === 'active' ? [now.model] : [])]
    const decidedBy = models.find(({ packageHash }) => packageHash === decision.model.packageHash)
    return decidedBy ?? refuseOip('oip_model_changed')
  }
}

/** @throws OipError oip_version_unknown */
function verifyVersion({ manifest }: ActiveModel, version: string): void {
  if (version !== '' && version !== manifest.version) refuseOip('oip_version_unknown')
}
