import type { Phi } from '../../device/platform/phi.ts'
import type { Observation } from '../../models/contract/guard.ts'
import type { Assessment } from '../../models/contract/postprocess.ts'
import type { ExplanationSpec } from '../../models/contract/schema.ts'
import type { Manifest } from '../../models/package/manifest.ts'
import type { Principal } from '../access/principal.ts'
import type { AuditPosition } from '../audit/types.ts'
import type { ImageInput } from '../images/image-input.ts'
import type { Priority } from '../inference/priority.ts'
import type { ModelWorker, ProviderReport } from '../inference/types.ts'
import type { GateRecord, ImageRecord, KeptTensor } from './image-record.ts'

/** What every ingress adapter translates its protocol into. */
export interface DecisionRequest {
  readonly model: string
  /** The patient as the sender knows them; never leaves the box, stored only under the subject's key. Only an image can name them itself. */
  readonly subject: Phi<string> | undefined
  readonly purpose: Purpose
  /** Observations by the contract's input name. */
  readonly inputs: Readonly<Record<string, readonly Observation[]>>
  /** The files of an image, as they arrive. */
  readonly image?: ImageInput | undefined
  /** How urgent it is, where that is less than who asks and what for say (urgency.ts); by number, 1 is the most urgent. */
  readonly priority?: Priority | number | undefined
  /** How long whoever asks will wait, where that is less than the model's deadline. */
  readonly timeoutMs?: number | undefined
  /** Aborted when whoever asked has left: what waits for a model then waits no longer, and is recorded as cancelled. */
  readonly signal?: AbortSignal | undefined
}

export const purposes = ['treatment', 'quality', 'demonstration'] as const
export type Purpose = (typeof purposes)[number]

/** A model in its slot, ready to decide. */
export interface ActiveModel {
  readonly slot: string
  readonly manifest: Manifest
  readonly packageHash: string
  readonly worker: ModelWorker
  /** How long its explanation took when it was rehearsed; above the package's budget it is left out. */
  readonly explanationMs: number
  /** What showed that it does here what its package says. */
  readonly proof?: ReleaseProof | undefined
}

export interface ReleaseProof {
  /** RFC 3339. */
  readonly at: string
  readonly goldenVectors: number
  /** The largest difference from a golden vector; null where it is not kept. */
  readonly largestDifference: number | null
  /** The largest that the package allows for the provider that runs it. */
  readonly tolerance: number
  /** Whether an explanation changes with the parameters of the model; null where there is none, or it could not be told. */
  readonly explanationDependsOnModel: boolean | null
  readonly loadMs: number
  /** The package's card, where it is text that can be shown. */
  readonly card: string | null
}

/** What stands in a slot: a model that decides, or the code of what keeps it from running. */
export type Slot =
  | { readonly state: 'loading' }
  /** `fault`: the code of what keeps another release, which the store names, from running in its place. */
  | { readonly state: 'active'; readonly model: ActiveModel; readonly fault?: string }
  | { readonly state: 'unavailable'; readonly fault: string }

export type Slots = ReadonlyMap<string, Slot>

export interface Contribution {
  readonly name: string
  readonly display: string
  readonly value: number
  /** Of sampled values: how far another seed would typically move it. */
  readonly standardError?: number | undefined
}

export interface Explanation {
  /** `pending`: it takes longer than the decision may wait, and follows as a record of its own. */
  readonly method: ExplanationSpec['method'] | 'pending'
  readonly of: string
  readonly contributions: readonly Contribution[]
  /**
   * For Shapley values: the output at the baseline row; contributions add up to output − baseline. For maps: the output
   * when the whole image is covered.
   */
  readonly baseline: number | null
  /**
   * output − baseline − Σ contributions; how far the explanation is from adding up. For maps: the decision's output − the
   * same output as it came out again for the explanation.
   */
  readonly residual: number
  readonly reason: string | null
  /** What sampled values were drawn from: enough to draw them again. */
  readonly sampling?: Sampling | undefined
  /** What each place of the image contributed; there are no contributions then. */
  readonly map?: ExplanationMap | undefined
  readonly deletion?: DeletionScore | undefined
}

/** A value for each place of the image as the model took it. */
export interface ExplanationMap {
  readonly rows: number
  readonly columns: number
  /** Row-major. */
  readonly values: readonly number[]
  /** Where the places begin and end, in rows and columns of the image as the model took it: one more than there are places. */
  readonly rowEdges: readonly number[]
  readonly columnEdges: readonly number[]
}

/**
 * Does the map tell the truth? The output while places are covered, those first that the map says contributed most
 * (Petsiuk and others, "RISE", 2018). `score` below `random`: covering them took more from the output than covering any.
 */
export interface DeletionScore {
  /** Area under the output over the share of places that are covered: its mean, in the output's unit. */
  readonly score: number
  /** The same in an order drawn from the seed, and in that order backwards: their mean. */
  readonly random: number
  /** Equal shares of the places in which they were covered. */
  readonly steps: number
  /** What an element of the image was covered with, in the numbers that the model takes. */
  readonly fill: number
  readonly seed: number
}

/** An explanation that came after its decision, as stored under the subject's key. */
export interface ExplanationRecord {
  readonly kind: 'explanation'
  readonly explanationId: string
  readonly decisionId: string
  /** RFC 3339. */
  readonly at: string
  readonly explanation: Explanation
}

export interface Sampling {
  readonly seed: number
  readonly permutations: number
  readonly backgroundRows: number
}

/** The part of a decision that a clinician is told, whichever protocol asked. */
export interface Decision {
  readonly decisionId: string
  readonly subjectPseudonym: string
  readonly model: {
    readonly id: string
    readonly version: string
    readonly packageHash: string
    readonly clinicalStatus: string
  }
  readonly decidedAt: string
  readonly outcome: 'scored' | 'refused'
  readonly refusal: { readonly code: string; readonly about: string | null; readonly message: string } | null
  readonly assessment: Assessment | null
  readonly flags: readonly { readonly input: string; readonly flag: string; readonly about?: string | undefined }[]
  readonly explanation: Explanation | null
  readonly narrative: string
  /** RFC 3339 moment after which the result no longer holds; null for a refusal. */
  readonly validUntil: string | null
  readonly provider: ProviderReport | null
  readonly timings: Readonly<Record<string, number>>
  readonly advisory: string
}

export interface DecisionAnswer {
  readonly decision: Decision
  readonly audit: AuditPosition
  /** With a refusal that passes by itself: when to come again. It is said and not recorded. */
  readonly retryAfterMs?: number | undefined
  /** With a result: requests that the model answered in the same run, this one among them. It is counted and not recorded. */
  readonly batchSize?: number | undefined
}

/** Stands in a record for a tensor: its data are among the observations, as they were sent. */
export interface TensorMark {
  readonly dtype: string
  readonly dims: readonly number[]
  /** Of the little-endian bytes, lowercase hex. */
  readonly sha256: string
}

/** What is stored under the subject's key: the decision and everything needed to recompute it. */
export interface DecisionRecord {
  readonly kind: 'decision'
  readonly decision: Decision
  /** Release counter of the package that decided. */
  readonly release: number
  readonly subject: string
  readonly purpose: Purpose
  readonly requester: Principal
  /** As sent: what came in, in the sender's units. */
  readonly observations: DecisionRequest['inputs']
  /** As used: after unit conversion, rounding and guards, in the contract's units. */
  readonly features: Readonly<
    Record<string, readonly { readonly value: number | string | boolean | TensorMark; readonly ageMinutes: number }[]>
  >
  /** The image, where one was sent: what is known of it, and what the model saw. */
  readonly image?: ImageRecord | undefined
  /** What the models said that looked at the image first. */
  readonly gates?: readonly GateRecord[] | undefined
  /** Outputs that are too large for the answer, by name: the labels of a segmentation. */
  readonly outputs?: Readonly<Record<string, KeptTensor>> | undefined
}
