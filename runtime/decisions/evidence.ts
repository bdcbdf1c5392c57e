import { sha256 } from '../../device/crypto/bulk.ts'
import type { JsonObject } from '../../device/platform/canonical-json.ts'
import { Phi } from '../../device/platform/phi.ts'
import type { GuardedObservation, Observation } from '../../models/contract/guard.ts'
import type { ImageFacts } from '../../models/contract/image/image-facts.ts'
import { imageSteps } from '../../models/contract/image/image-steps.ts'
import { tensorVolume } from '../../models/contract/image/tensor-volume.ts'
import type { Contract } from '../../models/contract/schema.ts'
import { tensorBytes } from '../../models/contract/tensor.ts'
import type { SentTensor } from '../../models/contract/tensor-schema.ts'
import type { Manifest } from '../../models/package/manifest.ts'
import type { Principal } from '../access/principal.ts'
import type { Evidence } from '../audit/types.ts'
import { latencyBucket, type OutboundRow, type ResultBucket, signedModel } from '../egress/outbound.ts'
import type { ReceivedImage } from '../images/received-image.ts'
import type { Assessed } from './assessed.ts'
import { type ImageRecord, keepTensors, recordedFacts } from './image-record.ts'
import type { Decision, DecisionRecord, DecisionRequest } from './types.ts'

/** Of a package, what its decisions leave behind. */
type DecidingManifest = Pick<Manifest, 'releaseCounter' | 'contract'>

/** What was asked, once it is known whom it is about. */
export interface RecordedRequest extends Pick<DecisionRequest, 'purpose' | 'inputs'> {
  readonly subject: Phi<string>
  readonly received?: ReceivedImage | undefined
}

/**
 * What one decision leaves behind: its record under the subject's key, its leaf, and the row that may leave the box.
 * @param manifest of the package that decided; its release counter is as both keepers signed it
 */
export async function decisionEvidence(
  decision: Decision,
  manifest: DecidingManifest,
  request: RecordedRequest,
  caller: Principal,
  assessed: Assessed,
  nowMs: number,
): Promise<Evidence> {
  const record = await decisionRecord(decision, manifest, request, caller, assessed, nowMs)
  return {
    leaf: {
      kind: 'decision',
      id: decision.decisionId,
      model: decision.model.id,
      version: decision.model.version,
      package: decision.model.packageHash,
      outcome: decision.refusal === null ? 'scored' : decision.refusal.code,
      alert: decision.assessment?.alert === true ? 'yes' : 'no',
      client: caller.clientId,
      role: caller.role,
    },
    body: {
      id: decision.decisionId,
      subject: Phi.reveal(request.subject),
      content: record as unknown as JsonObject,
    },
    outbound: decisionOutbound(decision, manifest.releaseCounter),
  }
}

async function decisionRecord(
  decision: Decision,
  { releaseCounter: release, contract }: DecidingManifest,
  request: RecordedRequest,
  requester: Principal,
  { guarded, gates, ...assessed }: Assessed,
  nowMs: number,
): Promise<DecisionRecord> {
  const large = assessed.outcome === 'scored' ? assessed.large : {}
  const features = Object.entries(guarded?.inputs ?? {}).map(([name, observations]) => [
    name,
    observations.map(({ value, atMs }) => ({ value: featureOf(value), ageMinutes: (nowMs - atMs) / 60_000 })),
  ])
  return {
    kind: 'decision',
    decision,
    release,
    subject: Phi.reveal(request.subject),
    purpose: request.purpose,
    requester,
    observations: storable(request.inputs),
    features: Object.fromEntries(features),
    ...(request.received === undefined ? {} : { image: await imageRecord(request.received, contract) }),
    ...(gates.length === 0 ? {} : { gates }),
    ...(Object.keys(large).length === 0 ? {} : { outputs: await keepTensors(large) }),
  }
}

/** The image as it was received, and what the model saw of it; what only those that were asked first saw is theirs. */
async function imageRecord(
  { files, identity, facts, prepared: [own] }: ReceivedImage,
  contract: Contract,
): Promise<ImageRecord> {
  const common = { files, identity: Phi.reveal(identity), facts: recordedFacts(facts) }
  if (own === undefined || 'refused' in own) return { ...common, prepared: own ?? { tensors: {} }, grids: [] }
  return { ...common, prepared: { tensors: await keepTensors(own.tensors) }, grids: gridsOf(facts, contract) }
}

/** Where the grid of each of the image's tensors lies in the patient, after all that the steps did to it; as far as that is known. */
function gridsOf(facts: ImageFacts, contract: Contract): ImageRecord['grids'] {
  const steps = imageSteps(contract)
  return steps.flatMap((step) => {
    const volume = step.op === 'image-tensor' ? tensorVolume(facts, steps, step.tensor) : undefined
    if (step.op !== 'image-tensor' || volume?.hasOrientation !== true) return []
    return [{ tensor: step.tensor, layout: step.layout, affineRas: volume.affineRas }]
  })
}

/** A tensor stands as it was sent among the observations; among what was used, its hash says that it was that one. */
function featureOf(value: GuardedObservation['value']): DecisionRecord['features'][string][number]['value'] {
  if (typeof value !== 'object') return value
  const hash = sha256(tensorBytes(value)).toString('hex')
  return { dtype: value.dtype, dims: value.dims, sha256: hash }
}

function storableValue(value: Observation['value']): Observation['value'] {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'string') return value.toWellFormed()
  return typeof value === 'object' ? storableTensor(value) : value
}

/** Written by its members, whatever else hangs on it; one that is no tensor was refused, and is not kept. */
function storableTensor(value: SentTensor): SentTensor | string {
  const { dims, data, base64 } = (value ?? {}) as { dims?: unknown; data?: unknown; base64?: unknown }
  if (!Array.isArray(dims) || !dims.every(Number.isFinite)) return 'not a tensor'
  if (typeof base64 === 'string') return { dims, base64: base64.toWellFormed() }
  if (!Array.isArray(data) || data.some((element) => typeof element === 'object')) return 'not a tensor'
  return { dims, data: data.map((element) => storableValue(element) as string | number | boolean) }
}

/** A refused input may be something JSON cannot carry (NaN, an infinity, a lone surrogate); the record then says so in its place. */
function storable(inputs: DecisionRequest['inputs']): DecisionRequest['inputs'] {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, observations]) => [
      name.toWellFormed(),
      observations.map((one) => ({
        value: storableValue(one.value),
        ...(one.unit === undefined ? {} : { unit: one.unit.toWellFormed() }),
        atMs: Number.isFinite(one.atMs) ? one.atMs : 0,
      })),
    ]),
  )
}

/** Narrowed to enumerations before it is written: the outbox never holds more than may leave. */
function decisionOutbound(decision: Decision, release: number): OutboundRow {
  return {
    v: 1,
    kind: 'decision',
    ...signedModel(decision.model.id, release),
    result: resultBucket(decision),
    latency: latencyBucket((decision.timings.totalUs ?? 0) / 1000),
    alert: decision.assessment?.alert ?? false,
  }
}

/** How far the output is from the point where it would alert; the value itself stays. */
function resultBucket({ assessment }: Decision): ResultBucket {
  if (assessment === null) return 'refused'
  const threshold = assessment.threshold
  if (threshold === null) return 'none'
  const value = assessment.outputs[threshold.output]?.values[0] ?? 0
  if (value >= threshold.alertAt) return value >= threshold.alertAt * 2 ? 'high' : 'elevated'
  return value > 0 ? 'low' : 'none'
}
