import { ContractError, Refusal } from '../../models/contract/errors.ts'
import { guard } from '../../models/contract/guard.ts'
import type { ImageFacts } from '../../models/contract/image/image-facts.ts'
import type { ImageGate } from '../../models/contract/image/image-schema.ts'
import type { Prepared } from '../../models/contract/image/prepared-image.ts'
import { type Assessment, postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import { InferenceError } from '../inference/errors.ts'
import type { RunOrder } from '../inference/types.ts'
import { DecisionError } from './errors.ts'
import type { GateRecord } from './image-record.ts'
import type { Models } from './slot-registry.ts'
import type { ActiveModel } from './types.ts'

/** A model that looks at an image before the one that was asked, with what was made of the image for it. */
export interface Gatekeeper {
  readonly slot: string
  /** Undefined when nothing runs in the slot. */
  readonly model: ActiveModel | undefined
  readonly gates: readonly ImageGate[]
  readonly prepared: Prepared | undefined
}

/** The models that gates name, held as long as `leases` lasts; each once, whatever it is asked. */
export function leaseGatekeepers(
  gates: readonly ImageGate[],
  models: Models,
  leases: DisposableStack,
): readonly Omit<Gatekeeper, 'prepared'>[] {
  const bySlot = Map.groupBy(gates, ({ model }) => model)
  return [...bySlot].map(([slot, own]) => ({ slot, model: leaseOrNothing(slot, models, leases), gates: own }))
}

/** A model that takes no image cannot look at one: it stands before nothing, as one that does not run. */
function leaseOrNothing(slot: string, models: Models, leases: DisposableStack): ActiveModel | undefined {
  try {
    const { model } = leases.use(models.lease(slot))
    return model.manifest.contract.image === undefined ? undefined : model
  } catch (error) {
    if (error instanceof DecisionError) return undefined
    throw error
  }
}

/** What one request of a gatekeeper needs to know. */
export interface GateRun {
  readonly nowMs: number
  /** On the monotonic clock. */
  readonly deadlineMs: number
  readonly client: string
  readonly order?: RunOrder
}

/** What the gatekeepers said, as it is recorded, and what the image is refused with when one of them does not let it pass. */
export interface GateAnswer {
  readonly records: readonly GateRecord[]
  readonly refusal: Refusal | undefined
}

/** Asks one gatekeeper after the other, until one does not let the image pass. What each said is part of the record. */
export async function askGatekeepers(
  keepers: readonly Gatekeeper[],
  facts: ImageFacts,
  run: GateRun,
): Promise<GateAnswer> {
  const records: GateRecord[] = []
  for (const keeper of keepers) {
    const { records: own, refusal } = await answerOf(keeper, facts, run)
    records.push(...own)
    if (refusal !== undefined) return { records, refusal }
  }
  return { records, refusal: undefined }
}

async function answerOf(keeper: Gatekeeper, facts: ImageFacts, run: GateRun): Promise<GateAnswer> {
  const { model } = keeper
  try {
    if (model === undefined) throw unavailable(keeper)
    const { outputs } = await ask(keeper, model, facts, run)
    const records = keeper.gates.map((gate) => judge(gate, outputs, model, keeper))
    const stopped = records.find(({ passed }) => !passed)
    return { records, refusal: stopped && new Refusal('image_implausible', { about: stopped.reason }) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (model === undefined || error.code === 'image_gate_unavailable') return { records: [], refusal: error }
    return { records: keeper.gates.map((gate) => refusedBy(gate, error, model)), refusal: inOtherWords(error, keeper) }
  }
}

async function ask(keeper: Gatekeeper, model: ActiveModel, facts: ImageFacts, run: GateRun): Promise<Assessment> {
  const { contract } = model.manifest
  if (keeper.prepared === undefined) throw unavailable(keeper)
  try {
    const guarded = guard({}, contract, run.nowMs, { facts, prepared: keeper.prepared })
    const raw = await model.worker.run(preprocess(guarded, contract, run.nowMs), run.deadlineMs, run.client, run.order)
    return postprocess(raw, contract)
  } catch (error) {
    // Whoever asked has left: that says nothing of the gatekeeper.
    if (error instanceof InferenceError && error.code === 'inference_cancelled') throw error
    if (error instanceof InferenceError || error instanceof ContractError) throw unavailable(keeper, error)
    throw error
  }
}

function judge(gate: ImageGate, outputs: Assessment['outputs'], model: ActiveModel, keeper: Gatekeeper): GateRecord {
  const value = outputs[gate.output]?.values[0]
  if (value === undefined) throw unavailable(keeper)
  const passed = value >= gate.low && value <= gate.high
  return { ...recordOf(gate, model), value, passed, refusal: null }
}

function refusedBy(gate: ImageGate, { code, about }: Refusal, model: ActiveModel): GateRecord {
  return { ...recordOf(gate, model), value: null, passed: false, refusal: { code, about: about ?? null } }
}

function recordOf({ output, reason }: ImageGate, { manifest, packageHash }: ActiveModel) {
  const { modelId, version } = manifest
  return { model: modelId, version, packageHash, output, reason }
}

/**
 * What a gatekeeper holds against the image is said as it is. Of its inputs and its population the sender knows nothing: the
 * one keeps it from answering, the other is what the gate is there for.
 */
function inOtherWords(refusal: Refusal, keeper: Gatekeeper): Refusal {
  if (refusal.code.startsWith('input_')) return unavailable(keeper, refusal)
  if (refusal.code !== 'population_excluded') return refusal
  return new Refusal('image_implausible', { about: keeper.gates[0]?.reason ?? keeper.slot, cause: refusal })
}

function unavailable({ slot }: Pick<Gatekeeper, 'slot'>, cause?: unknown): Refusal {
  return new Refusal('image_gate_unavailable', { about: slot, cause })
}
