import type { DecisionReadAnswerBody, HealthAnswerBody, WhoAmIAnswerBody } from '../../runtime/http/contract.ts'
import type { LiveDecisionBody } from '../../runtime/http/contract-live.ts'

/** The answers that the pages read, by the contract of the API. */
export type Whoami = WhoAmIAnswerBody
export type Action = Whoami['actions'][number]
export type Health = HealthAnswerBody
export type Alarm = Health['alarms'][number]
export type LiveDecision = LiveDecisionBody

type Decision = DecisionReadAnswerBody['decision']
export type Explanation = NonNullable<Decision['explanation']>
export type Outputs = NonNullable<Decision['assessment']>['outputs']

export type DecisionRead = DecisionReadAnswerBody
export type ReadInput = DecisionRead['inputs'][number]
export type InputValue = ReadInput['used'][number]['value']
export type OutputDrawing = NonNullable<DecisionRead['contract']>['outputs'][string]
export type SeenImage = NonNullable<DecisionRead['image']>

export const tensorLayouts = ['NCHW', 'NHWC', 'NCDHW', 'NDHWC'] as const
export type TensorLayout = (typeof tensorLayouts)[number]

/** What is said of models is held to its contract by testkit/contract-matches.ts. */
export interface ModelRelease {
  readonly modelId: string
  readonly display: string
  readonly version: string
  readonly releaseCounter: number
  readonly packageHash: string
  readonly clinicalStatus: 'research' | 'silent' | 'advisory'
  readonly intendedUse: string
  readonly wards: readonly string[]
  readonly contraindications: readonly string[]
  readonly population: string
  readonly validityMinutes: number
  readonly deadlineMs: number
  readonly licence: string
  readonly provenance: string
  readonly regulatory: Readonly<Record<'udiDi' | 'clearance' | 'pccp', string | null>>
  readonly validation: {
    readonly metrics: readonly {
      readonly name: string
      readonly value: number
      readonly low: number | null
      readonly high: number | null
      readonly on: string
    }[]
    readonly alertsPer100PatientDays: number | null
    readonly positivePredictiveValue: number | null
  }
  readonly sourceAttributes: readonly { readonly name: string; readonly text: string }[]
  readonly threshold: { readonly output: string; readonly alertAt: number; readonly clearBelow: number } | null
  readonly explanation: { readonly method: string; readonly reason: string | null }
  readonly outputs: readonly {
    readonly name: string
    readonly display: string
    readonly role: Outputs[string]['role']
    readonly unit: string
  }[]
  readonly providers: readonly { readonly name: 'cuda' | 'webgpu' | 'cpu'; readonly need: 'required' | 'preferred' }[]
  readonly memoryBytes: number
  readonly card: string | null
}

type HealthModel = HealthAnswerBody['models'][number]

export interface ModelDetail {
  readonly slot: string
  readonly state: 'active' | 'loading' | 'unavailable'
  readonly fault: { readonly code: string; readonly message: string; readonly todo: string | null } | null
  readonly release: ModelRelease | null
  readonly worker: {
    readonly state: Exclude<HealthModel['state'], 'unavailable'>
    readonly restarts: number
    readonly lastFailure: string | null
    readonly isolation: NonNullable<HealthModel['isolation']>
    readonly provider: HealthModel['provider']
  } | null
  readonly selfTest: {
    readonly at: string
    readonly goldenVectors: number
    readonly largestDifference: number | null
    readonly tolerance: number
    readonly explanationDependsOnModel: boolean | null
    readonly loadMs: number
  } | null
}

/** A release in the model store, as signed metadata say it. */
export interface StoredRelease {
  readonly package: string
  readonly model: string
  readonly version: string
  readonly counter: number
  readonly sizeBytes: number
  readonly grantExpires: string
  readonly revoked: boolean
}

export interface ModelStore {
  readonly slots: readonly {
    readonly slot: string
    readonly package: string | null
    readonly active: StoredRelease | null
    readonly previous: StoredRelease | null
    readonly state: 'loading' | 'active' | 'unavailable' | null
    readonly running: string | null
    readonly fault: string | null
  }[]
  readonly staged: readonly StoredRelease[]
}

/** A change of what runs, under way or made. */
export interface Job {
  readonly job: string
  readonly state: 'running' | 'done' | 'failed'
  readonly kind: 'install' | 'activate' | 'rollback'
  readonly source: 'directory' | 'https' | 'usb' | null
  readonly step: 'fetch' | 'verify' | 'stage' | 'prove' | 'point' | 'activate' | 'prune'
  readonly waiting: 'turn' | 'runtime' | null
  readonly bytes: number
  readonly totalBytes: number | null
  readonly slot: string | null
  readonly package: string | null
  readonly version: string | null
  readonly code: string | null
  readonly message: string | null
  readonly todo: string | null
  readonly startedAt: string
  readonly endedAt: string | null
}
