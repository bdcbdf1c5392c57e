import { describe, expect, it } from 'vitest'
import { Phi } from '../../device/platform/phi.ts'
import type { Contract } from '../../models/contract/schema.ts'
import type { Principal } from '../access/principal.ts'
import { ImageError } from '../images/errors.ts'
import { InferenceError } from '../inference/errors.ts'
import { decide } from './decide.ts'
import { replayDecision } from './replay.ts'
import { readOutput } from './review.ts'
import { ImageBench, image, imageContract, imageFacts, probability } from './testkit/image-bench.ts'
import type { DecisionRequest } from './types.ts'

const caller: Principal = { clientId: 'archive-1', role: 'bedside', fingerprint: '0'.repeat(64), strength: 'mtls' }
const request = (changes: Partial<DecisionRequest> = {}): DecisionRequest => ({
  model: 'radiograph',
  subject: new Phi('subject-1'),
  purpose: 'treatment',
  inputs: {},
  image: new Uint8Array(8),
  ...changes,
})
const decided = (bench: ImageBench, changes: Partial<DecisionRequest> = {}) =>
  decide(request(changes), caller, bench.room)

describe('an image', () => {
  it('is decided on by what the file says of the patient, and its record says what the model saw', async () => {
    const bench = new ImageBench()
    const { decision } = await decided(bench)
    expect(decision).toMatchObject({ outcome: 'scored', assessment: { alert: true } })
    const record = bench.record()
    expect(record.features.age).toEqual([{ value: 4, ageMinutes: 0 }])
    expect(record.image).toMatchObject({
      files: [{ sha256: 'e'.repeat(64), bytes: 1234 }],
      identity: { patientId: 'subject-1', studyInstanceUid: '1.2.3' },
      facts: { rows: 256, attributes: { modality: 'CR' } },
      prepared: { tensors: { image: { dtype: 'float32', dims: [1, 1, 2, 2] } } },
    })
    expect(JSON.stringify(bench.written[0]?.leaf)).not.toMatch(/subject|ACC|1\.2\.3/)
    expect(JSON.stringify(decision)).not.toMatch(/ACC-1|1\.2\.3/)
  })

  it('is replayed to the last bit from its record alone, and differs where the model does', async () => {
    const bench = new ImageBench()
    bench.onRun = async (inputs) => probability((inputs.image?.data[3] as number) ?? 0)
    await decided(bench)
    const replayed = () => replayDecision(bench.record(), undefined, bench.model, bench.clock)
    expect(await replayed()).toMatchObject({ outcome: 'same' })
    bench.onRun = async () => probability(0.41)
    expect(await replayed()).toMatchObject({ outcome: 'different' })
  })

  it('is not replayed from a record that could not keep it, unless it is given again', async () => {
    const bench = new ImageBench()
    const noise = Float32Array.from({ length: 600_000 }, (_, index) => Math.fround(Math.sin(index * index)))
    bench.prepared = () => ({ tensors: image(noise) })
    await decided(bench)
    const kept = bench.record().image?.prepared
    expect(kept).toMatchObject({ tensors: { image: { deflated: null } } })
    const replayed = (again?: Parameters<typeof replayDecision>[4]) =>
      replayDecision(bench.record(), undefined, bench.model, bench.clock, again)
    await expect(replayed()).rejects.toMatchObject({ code: 'image_not_kept' })
    expect(await replayed({ facts: bench.facts, prepared: { tensors: image(noise) } })).toMatchObject({
      outcome: 'same',
    })
  })

  it('names the patient where the request does not, and is refused where it names another', async () => {
    const bench = new ImageBench()
    bench.patientId = ' subject-7 '
    const { decision } = await decided(bench, { subject: undefined })
    expect(decision.subjectPseudonym).toBe('P-subject-7')
    const other = await decided(bench)
    expect(other.decision.refusal?.code).toBe('image_of_another_subject')
    // Nothing of one patient goes on the record of another.
    expect(JSON.stringify(bench.written[1])).not.toMatch(/subject-7|ACC-1|1\.2\.3|e{64}/)
  })

  it('is refused where it names somebody and it cannot be told whom, whoever is named beside it', async () => {
    const bench = new ImageBench()
    bench.patientId = undefined
    bench.isPatientUnreadable = true
    const { decision } = await decided(bench)
    expect(decision.refusal).toMatchObject({ code: 'image_subject_unreadable', about: 'image' })
    expect(JSON.stringify(bench.written)).not.toMatch(/ACC-1|e{64}/)
    expect(await replayDecision(bench.record(), undefined, bench.model, bench.clock)).toMatchObject({
      outcome: 'not reproducible',
    })
    await expect(decided(bench, { subject: undefined })).rejects.toMatchObject({ code: 'subject_missing' })
  })

  it('decides nothing where nobody says whom it is about', async () => {
    const bench = new ImageBench()
    bench.patientId = undefined
    await expect(decided(bench, { subject: undefined })).rejects.toMatchObject({ code: 'subject_missing' })
    bench.onPrepare = () => Promise.reject(new ImageError('image_truncated'))
    await expect(decided(bench, { subject: undefined })).rejects.toMatchObject({ code: 'image_truncated' })
    expect(bench.written).toEqual([])
  })

  it('that breaks off is nothing that was asked, and goes on no record', async () => {
    const bench = new ImageBench()
    bench.onPrepare = () => Promise.reject(new ImageError('image_input_failed'))
    await expect(decided(bench)).rejects.toMatchObject({ code: 'image_input_failed' })
    expect(bench.written).toEqual([])
  })

  it('names one patient however the name is written, and nobody by what is no name', async () => {
    const bench = new ImageBench()
    bench.patientId = 'Cafe\u0301'
    expect((await decided(bench, { subject: new Phi('Caf\u00e9') })).decision.outcome).toBe('scored')
    const { decision } = await decided(bench, { subject: undefined })
    expect(decision.subjectPseudonym).toBe('P-Caf\u00e9')
    bench.patientId = 'a\u202eb'
    await expect(decided(bench, { subject: undefined })).rejects.toMatchObject({ code: 'subject_missing' })
  })

  it('that cannot be decoded is a refusal of its own, recorded', async () => {
    const bench = new ImageBench()
    bench.onPrepare = () => Promise.reject(new ImageError('image_malformed', { about: 'pixel data' as never }))
    const { decision } = await decided(bench)
    expect(decision.refusal?.code).toBe('image_malformed')
    expect(bench.written[0]?.leaf).toMatchObject({ outcome: 'image_malformed' })
    expect(await replayDecision(bench.record(), undefined, bench.model, bench.clock)).toMatchObject({
      outcome: 'not reproducible',
    })
  })

  it('is not decided on by a box that decodes none', async () => {
    const bench = new ImageBench()
    const { images: _none, ...room } = bench.room
    const { decision } = await decide(request(), caller, room)
    expect(decision.refusal?.code).toBe('image_decoder_unavailable')
  })
})

describe('a guard of images', () => {
  it.each([
    ['of another modality', () => imageFacts({ modality: 'CT' }), 'image_attribute_excluded', 'modality'],
    ['of no modality', () => imageFacts({ modality: undefined }), 'image_attribute_unknown', 'modality'],
    ['from the side', () => imageFacts({ viewPosition: 'LL' }), 'image_attribute_excluded', 'view-position'],
    ['of few rows', () => imageFacts({}, { rows: 32 }), 'image_size_excluded', 'rows'],
    ['of another format', () => imageFacts({}, { format: 'nifti' }), 'image_format_excluded', 'nifti'],
    ['of an adult', () => imageFacts({ patientAgeYears: 45 }), 'population_excluded', 'over 17 years'],
    ['of no age', () => imageFacts({ patientAgeYears: undefined }), 'input_missing', 'age'],
  ])('refuses one %s', async (_what, facts, code, about) => {
    const bench = new ImageBench()
    bench.facts = facts()
    const { decision } = await decided(bench)
    expect(decision.refusal).toMatchObject({ code, about })
    expect(bench.order).toEqual([])
    expect(await replayDecision(bench.record(), undefined, bench.model, bench.clock)).toMatchObject({ outcome: 'same' })
  })

  it('says better than a step what is wrong with an image', async () => {
    const bench = new ImageBench()
    bench.prepared = () => ({ refused: 'image_not_a_volume', about: 'radiograph' })
    bench.facts = imageFacts({ modality: 'MR' })
    expect((await decided(bench)).decision.refusal?.code).toBe('image_attribute_excluded')
    bench.facts = imageFacts()
    expect((await decided(bench)).decision.refusal?.code).toBe('image_not_a_volume')
  })

  it('lets pass and notes what the contract only wants to be told', async () => {
    const bench = new ImageBench()
    bench.facts = imageFacts({ viewPosition: undefined, burnedInAnnotation: true })
    const { decision } = await decided(bench)
    expect(decision.outcome).toBe('scored')
    expect(decision.flags).toEqual([
      { input: 'radiograph', flag: 'attribute-unknown', about: 'view-position' },
      { input: 'radiograph', flag: 'attribute-unexpected', about: 'burned-in-annotation' },
    ])
    expect(decision.narrative).toContain('view position of Radiograph: not said by the image.')
    expect(decision.narrative).toContain('burned in annotation of Radiograph: not what the model was made for.')
  })

  it('believes neither the sender nor the file where they contradict each other', async () => {
    const bench = new ImageBench()
    const age = (value: number, unit = 'a') => ({ inputs: { age: [{ value, unit, atMs: bench.clock.nowMs() }] } })
    expect((await decided(bench, age(40))).decision.refusal).toMatchObject({
      code: 'image_contradicts_input',
      about: 'age',
    })
    expect((await decided(bench, age(5))).decision.outcome).toBe('scored')
    expect((await decided(bench, age(50, 'mo'))).decision.outcome).toBe('scored')
  })

  it('asks for an image where the model takes one, and for none where it does not', async () => {
    const bench = new ImageBench()
    const { decision } = await decided(bench, { image: undefined })
    expect(decision.refusal).toMatchObject({ code: 'image_missing', about: 'radiograph' })
    const tabular = imageContract()
    const { image: _none, ...contract } = tabular
    const other = new ImageBench(contract)
    expect((await decided(other)).decision.refusal?.code).toBe('image_unexpected')
  })
})

describe('a model that looks at the image first', () => {
  const gates = [{ model: 'gate', output: 'finding', low: 0.5, high: 1, reason: 'not a frontal chest radiograph' }]

  it('is asked before the model itself, and what it said is in the record', async () => {
    const bench = new ImageBench(imageContract(gates))
    const { decision } = await decided(bench)
    expect(decision.outcome).toBe('scored')
    expect(bench.order).toEqual(['gate', 'radiograph'])
    expect(bench.plans).toHaveLength(2)
    expect(bench.record().gates).toMatchObject([{ output: 'finding', passed: true, packageHash: 'a'.repeat(64) }])
  })

  it('stops what it holds for no such image, and the model is not asked', async () => {
    const bench = new ImageBench(imageContract(gates))
    bench.onGate = async () => probability(0.2)
    const { decision } = await decided(bench)
    expect(decision.refusal).toMatchObject({ code: 'image_implausible', about: 'not a frontal chest radiograph' })
    expect(bench.order).toEqual(['gate'])
    expect(bench.record().gates).toMatchObject([{ passed: false }])
  })

  it('that does not run, or gives no answer, stops the image too: nothing is let through unseen', async () => {
    const absent = new ImageBench(imageContract([{ ...gates[0], model: 'other' }]))
    expect((await decided(absent)).decision.refusal).toMatchObject({ code: 'image_gate_unavailable', about: 'other' })
    const failing = new ImageBench(imageContract(gates))
    failing.onGate = () => Promise.reject(new InferenceError('inference_deadline'))
    expect((await decided(failing)).decision.refusal).toMatchObject({ code: 'image_gate_unavailable', about: 'gate' })
    const silent = new ImageBench(imageContract([{ ...gates[0], output: 'unknown' }]))
    expect((await decided(silent)).decision.refusal?.code).toBe('image_gate_unavailable')
    expect([...absent.order, ...failing.order, ...silent.order]).not.toContain('radiograph')
  })
})

describe('what a model that looks at the image first holds against it by its own contract', () => {
  const gates = [{ model: 'gate', output: 'finding', low: 0.5, high: 1, reason: 'not a frontal chest radiograph' }]
  const open = imageContract(gates)
  /** Takes any image itself: what is refused is refused by the other model. */
  const unguarded: Contract = { ...open, image: { ...open.image!, guards: [] } }
  const replayed = (bench: ImageBench) => replayDecision(bench.record(), undefined, bench.model, bench.clock)

  it('is said as it is, is in the record under that model, and does not accuse the record when it is replayed', async () => {
    const bench = new ImageBench(unguarded)
    bench.facts = imageFacts({ modality: 'CT' })
    const { decision } = await decided(bench)
    expect(decision.refusal).toMatchObject({ code: 'image_attribute_excluded', about: 'modality' })
    expect(bench.order).toEqual([])
    const [gate] = bench.record().gates ?? []
    expect(gate).toMatchObject({ value: null, passed: false, packageHash: 'a'.repeat(64), output: 'finding' })
    expect(gate?.refusal).toEqual({ code: 'image_attribute_excluded', about: 'modality' })
    expect(await replayed(bench)).toEqual({ outcome: 'not reproducible', explanation: 'not recorded' })
  })

  it('stands for the reason of the gate where it is about the patient', async () => {
    const elderly = imageContract([], {
      population: {
        description: 'The old.',
        criteria: [{ rule: 'at-least', input: 'age', value: 65, reason: 'under 65' }],
      },
    })
    const bench = new ImageBench(unguarded, elderly)
    const { decision } = await decided(bench)
    expect(decision.refusal).toMatchObject({ code: 'image_implausible', about: 'not a frontal chest radiograph' })
    expect(bench.record().gates).toMatchObject([{ refusal: { code: 'population_excluded', about: 'under 65' } }])
    expect(await replayed(bench)).toMatchObject({ outcome: 'not reproducible' })
  })

  it('is no answer where it lacks an input that nobody can send to it', async () => {
    const bench = new ImageBench(unguarded, imageContract())
    bench.facts = imageFacts({ patientAgeYears: undefined })
    const age = [{ value: 4, unit: 'a', atMs: bench.clock.nowMs() }]
    const { decision } = await decided(bench, { inputs: { age } })
    expect(decision.refusal).toMatchObject({ code: 'image_gate_unavailable', about: 'gate' })
    expect(bench.record().gates).toMatchObject([{ refusal: { code: 'input_missing', about: 'age' } }])
  })

  it('is nothing where it takes no image: no steps of it are ordered, and the image is not let through', async () => {
    const { image: _none, ...tabular } = imageContract()
    const bench = new ImageBench(unguarded, tabular)
    const { decision } = await decided(bench)
    expect(decision.refusal).toMatchObject({ code: 'image_gate_unavailable', about: 'gate' })
    expect(bench.plans).toHaveLength(1)
  })

  it('ends the asking: another that would be asked later does not hide it', async () => {
    const two = [...gates, { ...gates[0], model: 'absent' }]
    const bench = new ImageBench({ ...unguarded, image: { ...unguarded.image!, gates: two as typeof gates } })
    bench.onGate = async () => probability(0.1)
    expect((await decided(bench)).decision.refusal?.code).toBe('image_implausible')
  })
})

describe('the labels of a segmentation', () => {
  const contract = imageContract([], {
    outputs: [
      {
        role: 'segmentation',
        name: 'tissue',
        display: 'Tissue',
        tensor: 'labels',
        unit: '{voxels}',
        labels: [0, 1].map((value) => ({ value, code: `l${value}`, text: `Label ${value}` })),
      },
    ],
    threshold: null,
  })

  it('are kept with the decision and read back by name; another name is none', async () => {
    const bench = new ImageBench(contract)
    const labels = new Uint8Array([0, 1, 1, 0])
    bench.onRun = async () => ({ labels: { dtype: 'uint8', dims: [1, 2, 2], data: labels } })
    const { decision } = await decided(bench)
    expect(decision.assessment?.outputs.tissue?.values).toEqual([2, 2])
    const officer: Principal = { ...caller, role: 'officer' }
    const store = {
      readBody: () => ({ content: bench.record() as never, position: {} as never }),
      feedbackOf: () => [],
    }
    const read = (output: string) => readOutput(decision.decisionId, output, officer, { ...bench.room, store })
    expect(await read('tissue')).toEqual({ labels, dims: [1, 2, 2], affineRas: undefined })
    expect(bench.written.at(-1)?.leaf).toMatchObject({ kind: 'read', decision: decision.decisionId })
    await expect(read('__proto__')).rejects.toMatchObject({ code: 'output_unknown' })
  })
})
