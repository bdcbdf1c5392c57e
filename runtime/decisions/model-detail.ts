import type { OutputSpec, Threshold } from '../../models/contract/schema.ts'
import type { Manifest } from '../../models/package/manifest.ts'
import { sourceAttributeNames } from '../../models/package/source-attributes.ts'
import type { IsolationReport, ProviderReport, WorkerState } from '../inference/types.ts'
import { explainCode } from './code-advice.ts'
import type { ActiveModel, ReleaseProof, Slot, Slots } from './types.ts'

/** A slot whole: what runs in it, how it was made, what proved it, and how its worker fares. */
export interface ModelDetail {
  readonly slot: string
  readonly state: Slot['state']
  readonly fault: { readonly code: string; readonly message: string; readonly todo: string | null } | null
  readonly release: ReleaseDetail | null
  readonly worker: WorkerDetail | null
  readonly selfTest: Omit<ReleaseProof, 'card'> | null
}

type FromManifest = Pick<
  Manifest,
  | 'modelId'
  | 'display'
  | 'version'
  | 'releaseCounter'
  | 'clinicalStatus'
  | 'intendedUse'
  | 'wards'
  | 'contraindications'
  | 'licence'
  | 'provenance'
  | 'regulatory'
  | 'validation'
  | 'providers'
  | 'memoryBytes'
>

export interface ReleaseDetail extends FromManifest {
  readonly packageHash: string
  readonly population: string
  readonly validityMinutes: number
  readonly deadlineMs: number
  readonly sourceAttributes: readonly { readonly name: string; readonly text: string }[]
  readonly threshold: Threshold | null
  readonly explanation: { readonly method: string; readonly reason: string | null }
  readonly outputs: readonly Pick<OutputSpec, 'name' | 'display' | 'role' | 'unit'>[]
  /** The maker's own words about the model; null when the package has none that can be shown. */
  readonly card: string | null
}

export interface WorkerDetail {
  readonly state: WorkerState
  readonly restarts: number
  readonly lastFailure: string | null
  readonly isolation: IsolationReport
  readonly provider: ProviderReport | null
}

/** @returns undefined when there is no such slot */
export function describeModel(slot: string, slots: Slots): ModelDetail | undefined {
  const content = slots.get(slot)
  if (content === undefined) return undefined
  const code = content.state === 'loading' ? undefined : content.fault
  const common = { slot, state: content.state, fault: code === undefined ? null : faultOf(code) }
  if (content.state !== 'active') return { ...common, release: null, worker: null, selfTest: null }
  return {
    ...common,
    release: releaseOf(content.model),
    worker: workerOf(content.model),
    selfTest: selfTestOf(content.model),
  }
}

function faultOf(code: string): NonNullable<ModelDetail['fault']> {
  const { message, advice } = explainCode(code, undefined)
  return { code, message, todo: advice ?? null }
}

function releaseOf({ manifest, packageHash, proof }: ActiveModel): ReleaseDetail {
  const { contract } = manifest
  const { explanation } = contract
  return {
    modelId: manifest.modelId,
    display: manifest.display,
    version: manifest.version,
    releaseCounter: manifest.releaseCounter,
    packageHash,
    clinicalStatus: manifest.clinicalStatus,
    intendedUse: manifest.intendedUse,
    wards: manifest.wards,
    contraindications: manifest.contraindications,
    population: contract.population.description,
    validityMinutes: contract.validityMinutes,
    deadlineMs: contract.deadlineMs,
    licence: manifest.licence,
    provenance: manifest.provenance,
    regulatory: manifest.regulatory,
    validation: manifest.validation,
    sourceAttributes: sourceAttributeNames.map((name) => ({ name, text: manifest.sourceAttributes[name] })),
    threshold: contract.threshold,
    explanation: { method: explanation.method, reason: explanation.method === 'none' ? explanation.reason : null },
    outputs: contract.outputs.map(({ name, display, role, unit }) => ({ name, display, role, unit })),
    providers: manifest.providers,
    memoryBytes: manifest.memoryBytes,
    card: proof?.card ?? null,
  }
}

function workerOf({ worker }: ActiveModel): WorkerDetail {
  const { state, restarts, lastFailure, isolation, provider } = worker.status()
  return { state, restarts, lastFailure: lastFailure ?? null, isolation, provider: provider ?? null }
}

function selfTestOf({ proof }: ActiveModel): ModelDetail['selfTest'] {
  if (proof === undefined) return null
  const { card: _, ...selfTest } = proof
  return selfTest
}
