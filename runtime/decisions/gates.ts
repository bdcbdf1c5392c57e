import { ContractError, Refusal } from '../../models/contract/errors.ts'
import { guard } from '../../models/contract/guard.ts'
import type { ImageFacts } from '../../models/contract/image/image-facts.ts'
import type { ImageGate } from '../../models/contract/image/image-schema.ts'
import type { Prepared } from '../../models/contract/image/prepared-image.ts'
import { type Assessment, postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import { InferenceError } from '../inference/errors.ts'
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

function leaseOrNothing(slot: string, models: Models, leases: DisposableStack): ActiveModel | undefined {
  try {
    return leases.use(models.lease(slot)).model
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
}

/**
 * Asks every gatekeeper. What each said is part of the record, whether the image passed or not.
 * @throws Refusal image_gate_unavailable, about the slot; or what a gatekeeper refuses the image with
 */
export async function askGatekeepers(
  keepers: readonly Gatekeeper[],
  facts: ImageFacts,
  run: GateRun,
): Promise<readonly GateRecord[]> {
  const records: GateRecord[] = []
  for (const keeper of keepers) {
    const { model } = keeper
    if (model === undefined) throw unavailable(keeper)
    const { outputs } = await ask(keeper, model, facts, run)
    records.push(...keeper.gates.map((gate) => judge(gate, outputs, model, keeper)))
  }
  return records
}

async function ask(keeper: Gatekeeper, model: ActiveModel, facts: ImageFacts, run: GateRun): Promise<Assessment> {
  const { contract } = model.manifest
  if (keeper.prepared === undefined) throw unavailable(keeper)
  try {
    const guarded = guard({}, contract, run.nowMs, { facts, prepared: keeper.prepared })
    const raw = await model.worker.run(preprocess(guarded, contract, run.nowMs), run.deadlineMs, run.client)
    return postprocess(raw, contract)
  } catch (error) {
    if (error instanceof InferenceError || error instanceof ContractError) throw unavailable(keeper, error)
    throw error
  }
}

function judge(gate: ImageGate, outputs: Assessment['outputs'], model: ActiveModel, keeper: Gatekeeper): GateRecord {
  const value = outputs[gate.output]?.values[0]
  if (value === undefined) throw unavailable(keeper)
  const { modelId, version } = model.manifest
  const { packageHash } = model
  const passed = value >= gate.low && value <= gate.high
  return { model: modelId, version, packageHash, output: gate.output, value, passed, reason: gate.reason }
}

function unavailable({ slot }: Pick<Gatekeeper, 'slot'>, cause?: unknown): Refusal {
  return new Refusal('image_gate_unavailable', { about: slot, cause })
}
