import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { canonicalJson } from '../../../device/platform/canonical-json.ts'
import { silentLog } from '../../../device/platform/log.ts'
import { Phi } from '../../../device/platform/phi.ts'
import { FakeClock } from '../../../device/testkit/fake-clock.ts'
import type { ImageAttributes, ImageFacts } from '../../../models/contract/image/image-facts.ts'
import type { ImageOp } from '../../../models/contract/image/image-schema.ts'
import type { Prepared } from '../../../models/contract/image/prepared-image.ts'
import { type Contract, contractSchema } from '../../../models/contract/schema.ts'
import type { Tensors } from '../../../models/contract/tensor.ts'
import { NOW_MS } from '../../../models/contract/testkit/contracts.ts'
import { packModel } from '../../../models/package/pack.ts'
import { sampleDraft } from '../../../models/package/testkit/sample-draft.ts'
import type { AuditPosition, Evidence } from '../../audit/types.ts'
import type { ReceivedImage } from '../../images/received-image.ts'
import type { DecisionRoom } from '../decide.ts'
import { SlotRegistry } from '../slot-registry.ts'
import type { ActiveModel, DecisionRecord } from '../types.ts'

/** A contract for an image: made up. It takes children, and asks `gate` first where it is told to. */
export function imageContract(gates: readonly object[] = [], more: object = {}): Contract {
  return contractSchema.parse({
    inputs: [
      {
        kind: 'quantity',
        name: 'age',
        display: 'Age',
        codes: [],
        series: false,
        onMissing: 'refuse',
        maxAgeMinutes: 60,
        onStale: 'refuse',
        unit: 'a',
        range: { low: 0, high: 130 },
        onImplausible: 'refuse',
      },
    ],
    image: {
      name: 'radiograph',
      display: 'Radiograph',
      form: 'image',
      formats: ['dicom'],
      guards: [
        { attribute: 'modality', oneOf: ['CR', 'DX'], onOther: 'refuse', onUnknown: 'refuse' },
        { attribute: 'view-position', oneOf: ['PA', 'AP'], onOther: 'refuse', onUnknown: 'flag' },
        { attribute: 'burned-in-annotation', oneOf: ['NO'], onOther: 'flag', onUnknown: 'accept' },
        { size: 'rows', low: 64, high: 4096, onOther: 'refuse', onUnknown: 'refuse' },
      ],
      observations: [{ input: 'age', attribute: 'patient-age-years' }],
      gates,
    },
    population: {
      description: 'Children.',
      criteria: [{ rule: 'at-most', input: 'age', value: 17, reason: 'over 17 years' }],
    },
    preprocessing: [
      { op: 'image-values', version: 1, frames: 'only', to: 'stored' },
      {
        op: 'image-resize',
        version: 1,
        from: 'stored',
        to: 'small',
        rows: 2,
        columns: 2,
        filter: 'box',
        eightBit: false,
      },
      { op: 'image-tensor', version: 1, from: 'small', tensor: 'image', layout: 'NCHW', dtype: 'float32' },
    ],
    outputs: [{ role: 'probability', name: 'finding', display: 'Finding', tensor: 'p', unit: '1' }],
    calibration: { method: 'none' },
    threshold: { output: 'finding', alertAt: 0.5, clearBelow: 0.5 },
    explanation: { method: 'none', reason: 'A test.' },
    validityMinutes: 60,
    deadlineMs: 1000,
    ...more,
  })
}

function gateContract(): Contract {
  const contract = imageContract([], { inputs: [], population: { description: 'All.', criteria: [] } })
  return { ...contract, image: { ...contract.image!, observations: [] } }
}

const attributes: ImageAttributes = {
  modality: 'CR',
  bodyPart: 'CHEST',
  viewPosition: 'PA',
  laterality: undefined,
  patientOrientation: [],
  patientPosition: undefined,
  patientAgeYears: 4,
  patientSex: undefined,
  conversionType: undefined,
  presentationIntent: undefined,
  imageType: [],
  burnedInAnnotation: undefined,
  lossyCompressed: undefined,
  presentationLutShape: undefined,
  sourcePhotometric: 'MONOCHROME2',
  sopClassUid: undefined,
  transferSyntaxUid: undefined,
}

export function imageFacts(changes: Partial<ImageAttributes> = {}, size: Partial<ImageFacts> = {}): ImageFacts {
  const frame = { rescaleSlope: 1, rescaleIntercept: 0, windows: [], position: undefined, orientation: undefined }
  return {
    format: 'dicom',
    frames: 1,
    rows: 256,
    columns: 256,
    samplesPerPixel: 1,
    bitsAllocated: 8,
    bitsStored: 8,
    isSigned: false,
    isFloat: false,
    photometric: 'MONOCHROME2',
    frameFacts: [{ ...frame, file: 0, frame: 0 }],
    pixelSpacingMm: undefined,
    spacingIn: undefined,
    voiFunction: 'LINEAR',
    volume: undefined,
    attributes: { ...attributes, ...changes },
    ...size,
  }
}

export const image = (data = new Float32Array([0.1, 0.2, 0.3, 0.4])): Tensors => ({
  image: { dtype: 'float32', dims: [1, 1, 2, data.length / 2], data },
})
export const probability = (value: number): Tensors => ({
  p: { dtype: 'float32', dims: [1, 1], data: new Float32Array([value]) },
})

type Run = ActiveModel['worker']['run']

/** A decision room for one image model and the model that stands before it; what decodes is played. */
export class ImageBench {
  readonly clock = new FakeClock(NOW_MS)
  readonly written: Evidence[] = []
  readonly order: string[] = []
  readonly registry = new SlotRegistry()
  readonly room: DecisionRoom
  facts = imageFacts()
  patientId: string | undefined = 'subject-1'
  isPatientUnreadable = false
  prepared: (plan: number) => Prepared = () => ({ tensors: image() })
  plans: readonly (readonly ImageOp[])[] = []
  onPrepare: () => Promise<void> = async () => {}
  onRun: Run = async () => probability(0.7)
  onGate: Run = async () => probability(0.9)
  model: ActiveModel

  /** @param gatekeeper the contract in the slot `gate`, where it is another than one for the same image without an age */
  constructor(contract: Contract = imageContract(), gatekeeper: Contract = gateContract()) {
    this.model = this.#active('radiograph', contract, async (...given) => this.onRun(...given))
    void this.registry.swap('radiograph', this.model)
    void this.registry.swap(
      'gate',
      this.#active('gate', gatekeeper, async (...given) => this.onGate(...given)),
    )
    this.room = {
      models: this.registry,
      ledger: { commit: async (evidence) => this.#commit(evidence) },
      subjects: { open: (subject) => ({ pseudonym: `P-${subject}` }) },
      alerts: { lastAlert: () => undefined },
      images: { prepare: (_input, plans) => this.#prepare(plans) },
      clock: this.clock,
      log: silentLog,
      newId: () => '00000000-0000-4000-8000-000000000000',
    }
  }

  record(index = 0): DecisionRecord {
    return JSON.parse(canonicalJson(this.written[index]?.body?.content)) as DecisionRecord
  }

  async #prepare(plans: readonly (readonly ImageOp[])[]): Promise<ReceivedImage> {
    this.plans = plans
    await this.onPrepare()
    const identity = {
      patientId: this.patientId,
      isPatientUnreadable: this.isPatientUnreadable,
      accessionNumber: 'ACC-1',
      studyInstanceUid: '1.2.3',
      seriesInstanceUid: '1.2.3.4',
      sopInstanceUids: ['1.2.3.4.5'],
    }
    return {
      facts: this.facts,
      identity: new Phi(identity),
      prepared: plans.map((_plan, index) => this.prepared(index)),
      files: [{ sha256: 'e'.repeat(64), bytes: 1234 }],
    }
  }

  #commit(evidence: Evidence): AuditPosition {
    this.written.push(evidence)
    return { origin: 'test', leafIndex: this.written.length - 1, leafHash: 'f'.repeat(64) }
  }

  #active(slot: string, contract: Contract, run: Run): ActiveModel {
    const draft = sampleDraft()
    const { manifest } = packModel({ ...draft, manifest: { ...draft.manifest, contract } }, systemRandomness)
    const isolation = { level: 'plain', networkIsolated: false, memoryLimitBytes: null, reason: 'test' } as const
    const status = {
      state: 'ready',
      pid: 1,
      restarts: 0,
      lastFailure: undefined,
      isolation,
      provider: undefined,
    } as const
    const worker = {
      ready: async () => ({ provider: 'cpu', runtime: 'test', threads: 1, nodes: null, passedOver: [] }) as const,
      run: ((...given) => {
        this.order.push(slot)
        return run(...given)
      }) as Run,
      status: () => status,
      stop: async () => {},
    }
    return { slot, manifest, packageHash: 'a'.repeat(64), worker, explanationMs: 0 }
  }
}
