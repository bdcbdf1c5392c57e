import type { Severity } from '../../device/platform/concern.ts'
import type { Principal } from '../access/principal.ts'
import type { AuditPosition } from '../audit/types.ts'
import type { IsolationReport, ProviderReport, WorkerState } from '../inference/types.ts'
import type { SeenTensor, ShownImage } from './shown-image.ts'
import type { ShownInput } from './shown-inputs.ts'
import type { DecisionAnswer, DecisionRequest, Explanation } from './types.ts'

export interface Feedback {
  readonly verdict: 'accept' | 'override'
  /** The clinician's words; stored under the subject's key only. */
  readonly reason: string
}

export interface FeedbackEntry extends Feedback {
  readonly feedbackId: string
  readonly by: string
  readonly at: string
  readonly audit: AuditPosition
}

/** An explanation that was not ready with its decision. */
export interface ExplainedEntry {
  readonly explanation: Explanation
  readonly at: string
  readonly audit: AuditPosition
}

export interface DecisionReadAnswer extends DecisionAnswer {
  /** Null unless the decision said `pending` and the explanation is there by now. */
  readonly explained: ExplainedEntry | null
  readonly feedback: readonly FeedbackEntry[]
  readonly inputs: readonly ShownInput[]
  /** What is needed to draw the result; null when the package that decided is gone. */
  readonly contract: ShownContract | null
  readonly image: ShownImage | null
}

export interface ShownContract {
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly range: { readonly low: number; readonly high: number } | null
        readonly labels: readonly { readonly value: number; readonly code: string; readonly text: string }[] | null
      }
    >
  >
  readonly validityMinutes: number
}

/** The image as the model saw it. */
export interface KeptImage extends Omit<SeenTensor, 'kept'> {
  readonly sha256: string
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array
}

export interface ModelSummary {
  readonly slot: string
  readonly state: 'active' | 'unavailable'
  /** Code of what keeps the model from running; with state `active`, of what keeps the release that the store names from taking its place. */
  readonly fault: string | null
  /** A release that has been proven and may take the slot. */
  readonly candidate: { readonly version: string; readonly packageHash: string } | null
  readonly modelId: string
  readonly version: string | null
  readonly packageHash: string | null
  readonly clinicalStatus: string | null
  readonly display: string | null
  readonly intendedUse: string | null
  readonly validityMinutes: number | null
  readonly inputs: readonly {
    readonly name: string
    readonly display: string
    readonly kind: 'quantity' | 'code' | 'boolean' | 'tensor'
    readonly unit: string | null
    readonly range: { readonly low: number; readonly high: number } | null
    readonly values: readonly string[] | null
    /** What a tensor must be: a size that is free has the most that it may be. */
    readonly tensor: { readonly dtype: string; readonly dims: readonly (number | { readonly max: number })[] } | null
    readonly series: boolean
    readonly required: boolean
    readonly maxAgeMinutes: number
  }[]
  /** The image that the model takes; null when it takes none. */
  readonly image: {
    readonly name: string
    readonly display: string
    readonly form: 'image' | 'volume'
    readonly formats: readonly ('dicom' | 'nifti')[]
  } | null
}

/** Something that a person should see to, and since when it has been seen. */
export interface Alarm {
  readonly code: string
  readonly severity: Severity
  /** Null for what concerns the box as a whole. */
  readonly slot: string | null
  readonly text: string
  readonly todo: string
  /** RFC 3339; as of when this process first saw it. */
  readonly since: string | null
}

export interface HealthReport {
  readonly status: 'ready' | 'degraded' | 'unavailable'
  /** One sentence a person can act on, per fault. */
  readonly faults: readonly string[]
  /** The same and what is wrong with the machine, apart in words and what to do; the worst first. */
  readonly alarms: readonly Alarm[]
  readonly release: string
  readonly logSize: number
  readonly models: readonly {
    readonly slot: string
    readonly state: WorkerState | 'unavailable'
    readonly restarts: number
    readonly isolation: IsolationReport | null
    readonly provider: ProviderReport | null
  }[]
}

/** The labels of a segmentation, as they were kept with its decision. */
export interface KeptOutput {
  /** One for each element, row-major. */
  readonly labels: Uint8Array
  /** Frames, rows and columns, with the batch of one in front where the model has it. */
  readonly dims: readonly number[]
  /** Where the image lay in the patient (models/contract/image/image-facts.ts); undefined where its file did not say, or its grid was changed. */
  readonly affineRas: readonly number[] | undefined
}

/** What every ingress may ask of the decision room. */
export interface DecisionService {
  /** A refusal is an answer (outcome `refused`); what throws is a fault of the box: InferenceError, StorageError, DecisionError. */
  decide(request: DecisionRequest, caller: Principal): Promise<DecisionAnswer>
  read(decisionId: string, caller: Principal): Promise<DecisionReadAnswer>
  /** Recorded as the reading of a decision is. @throws DecisionError decision_unknown | output_unknown */
  readOutput(decisionId: string, output: string, caller: Principal): Promise<KeptOutput>
  /** Recorded as the reading of a decision is. @throws DecisionError decision_unknown | image_unknown | image_not_kept */
  readImage(decisionId: string, caller: Principal): Promise<KeptImage>
  giveFeedback(
    decisionId: string,
    feedback: Feedback,
    caller: Principal,
  ): Promise<{ readonly feedbackId: string; readonly audit: AuditPosition }>
  models(): readonly ModelSummary[]
  health(): HealthReport
}
