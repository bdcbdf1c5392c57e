import type { Contract, InputSpec } from '../../models/contract/schema.ts'
import { slotFindings } from './alarms.ts'
import type { Alarm, HealthReport, ModelSummary } from './service-types.ts'
import type { Models } from './slot-registry.ts'
import type { ActiveModel, Slot } from './types.ts'

/** Each slot, what runs in it and what it wants to be told. */
export function summariseModels({ slots, candidate }: Pick<Models, 'slots' | 'candidate'>): ModelSummary[] {
  return [...slots].map(([slot, content]) => ({
    ...(content.state === 'active' ? describeActive(slot, content) : describeFault(slot, faultOf(content))),
    candidate: candidateOf(slot, candidate),
  }))
}

function candidateOf(slot: string, candidate: ActiveModel | undefined): ModelSummary['candidate'] {
  if (candidate?.slot !== slot) return null
  return { version: candidate.manifest.version, packageHash: candidate.packageHash }
}

/** One that is unloaded for want of requests is loaded by the next: it decides as well. */
const DECIDING = ['ready', 'busy', 'unloaded'] as const

/** Is the box fit for use? `degraded` when something is wrong that a person should see to, `unavailable` when no model decides. */
export function reportHealth(
  { slots }: Pick<Models, 'slots'>,
  release: string,
  logSize: number,
  otherFaults: readonly string[] = [],
  alarms: readonly Alarm[] = [],
): HealthReport {
  const models = [...slots].map(([slot, content]) => {
    if (content.state !== 'active')
      return { slot, state: stateOf(content), restarts: 0, isolation: null, provider: null }
    const { state, restarts, isolation, provider } = content.model.worker.status()
    return { slot, state, restarts, isolation, provider: provider ?? null }
  })
  const faults = [...slotFindings(slots).map(({ fault }) => fault), ...otherFaults]
  const deciding = models.some(({ state }) => DECIDING.some((one) => one === state))
  return {
    status: deciding ? (faults.length === 0 ? 'ready' : 'degraded') : 'unavailable',
    faults,
    alarms,
    release,
    logSize,
    models,
  }
}

/** A model that is still loading is `starting`, as its worker is. */
function stateOf({ state }: Exclude<Slot, { state: 'active' }>): 'starting' | 'unavailable' {
  return state === 'loading' ? 'starting' : 'unavailable'
}

function faultOf(content: Exclude<Slot, { state: 'active' }>): string {
  return content.state === 'loading' ? 'model_loading' : content.fault
}

type Described = Omit<ModelSummary, 'candidate'>

function describeActive(slot: string, { model, fault }: Extract<Slot, { state: 'active' }>): Described {
  const { manifest, packageHash } = model
  return {
    slot,
    state: 'active',
    fault: fault ?? null,
    modelId: manifest.modelId,
    version: manifest.version,
    packageHash,
    clinicalStatus: manifest.clinicalStatus,
    display: manifest.display,
    intendedUse: manifest.intendedUse,
    validityMinutes: manifest.contract.validityMinutes,
    inputs: manifest.contract.inputs.map(describeInput),
    image: describeImage(manifest.contract.image),
  }
}

function describeFault(slot: string, fault: string): Described {
  const nothing = {
    version: null,
    packageHash: null,
    clinicalStatus: null,
    display: null,
    intendedUse: null,
    validityMinutes: null,
  }
  return { slot, state: 'unavailable', fault, modelId: slot, ...nothing, inputs: [], image: null }
}

function describeImage(image: Contract['image']): ModelSummary['image'] {
  if (image === undefined) return null
  const { name, display, form, formats } = image
  return { name, display, form, formats }
}

function describeInput(input: InputSpec): ModelSummary['inputs'][number] {
  return {
    name: input.name,
    display: input.display,
    kind: input.kind,
    unit: input.kind === 'quantity' ? input.unit : null,
    range: input.kind === 'quantity' || input.kind === 'tensor' ? (input.range ?? null) : null,
    values: input.kind === 'code' ? input.values.map(({ code }) => code) : null,
    tensor: input.kind === 'tensor' ? { dtype: input.dtype, dims: input.dims } : null,
    series: input.series,
    required: input.onMissing === 'refuse',
    maxAgeMinutes: input.maxAgeMinutes,
  }
}
