import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import type { Contract, OutputSpec } from '../../models/contract/schema.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { changed, NOW_MS } from '../../models/contract/testkit/contracts.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import { sampleDraft } from '../../models/package/testkit/sample-draft.ts'
import { floats as constants, FLOAT, model, node, port } from '../inference/testkit/onnx-bytes.ts'
import { judgeDependence, probeExplanation } from './randomisation-check.ts'
import { imageFacts } from './testkit/image-bench.ts'
import { activation, floats, imageContract, imagesOf, linearModel, occlusion } from './testkit/image-contracts.ts'
import { ModelBox } from './testkit/model-box.ts'

describe('what two explanations say of the model', () => {
  it.each([
    ['depends', [[1, 2]], [[2, 1]]],
    [
      'depends',
      [
        [0, 0],
        [1, 2],
      ],
      [
        [0, 0],
        [1, 2.1],
      ],
    ],
    ['depends', [[1, 2]], [[Number.NaN, 2]]],
    ['independent', [[1, 2]], [[1, 2 + 1e-9]]],
    [
      'independent',
      [[1, 2], undefined],
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['unknown', [[0, 0]], [[1, 1]]],
    ['unknown', [[1, 2]], [undefined]],
    ['unknown', [[1, 2]], []],
  ] as const)('%s: %j and %j', (verdict, own, other) => {
    expect(judgeDependence(own, other)).toBe(verdict)
  })
})

describe('what two maps say of the model', () => {
  const peak = [0, 1, 5, 1]
  it.each([
    ['depends', 'points elsewhere', peak, [5, 1, 0, 1]],
    ['depends', 'is turned round', peak, [0, -1, -5, -1]],
    ['depends', 'is the same everywhere', peak, [2, 2, 2, 2]],
    ['depends', 'is alike and no more', peak, [0, 2, 5, 1]],
    ['depends', 'has fewer places', peak, [0, 1, 5]],
    ['depends', 'has more places', peak, [...peak, 1.75]],
    ['independent', 'is the same', peak, peak],
    ['independent', 'is stronger', peak, [0, 3, 15, 3]],
    ['independent', 'is fainter, from another level', peak, [1.01, 1.02, 1.06, 1.02]],
    ['unknown', 'is of a model whose map says nothing', [2, 2, 2, 2], peak],
  ] as const)('%s: the other %s', (verdict, _what, own, other) => {
    expect(judgeDependence([{ map: own }], [{ map: other }])).toBe(verdict)
  })

  it('one image on which they differ is enough', () => {
    const flat = [0, 0, 0, 0]
    const own = [{ map: flat }, { map: peak }, { map: peak }]
    expect(judgeDependence(own, [{ map: peak }, { map: peak }, { map: [5, 1, 0, 1] }])).toBe('depends')
    expect(judgeDependence(own, [{ map: peak }, { map: peak }, undefined])).toBe('independent')
  })
})

describe('a map probed on golden images', () => {
  const vector = (name: string, values: readonly number[]) => {
    const tensors = { image: floats([1, 1, 4, 4], values) }
    const expected = { outputs: { level: [0] }, alert: false }
    return { name, inputs: {}, expect: expected, prepared: { facts: imageFacts(), prepared: { tensors } } }
  }
  const ramp = Array.from({ length: 16 }, (_, index) => index + 1)
  const golden = { vectors: [vector('ramp', ramp), vector('back', ramp.toReversed())] }
  const clock = new FakeClock(NOW_MS)
  const probe = (contract: Contract, run: (inputs: Tensors) => Promise<Tensors>) =>
    probeExplanation(golden, contract, { run }, clock)
  const weights = ramp.map((value) => Math.sin(value))
  const others = ramp.map((value) => Math.cos(value * value))

  it('by covering depends on the weights', async () => {
    const contract = imageContract({ ...occlusion, rows: 4, columns: 4 })
    const own = await probe(contract, linearModel(weights))
    expect(own).toHaveLength(2)
    expect(judgeDependence(own, await probe(contract, linearModel(others)))).toBe('depends')
    expect(judgeDependence(own, await probe(contract, linearModel(weights.map((weight) => weight * 3))))).toBe(
      'independent',
    )
    expect(judgeDependence(own, await probe(contract, linearModel(others.map(() => 1e9))))).toBe('depends')
  })

  it('is probed as the model says it, where the calibration is level', async () => {
    const points = [
      { raw: 0, calibrated: 0.3 },
      { raw: 0.9, calibrated: 0.3 },
      { raw: 1, calibrated: 1 },
    ]
    const contract = changed(imageContract({ ...occlusion, rows: 4, columns: 4 }), {
      outputs: [{ role: 'probability', name: 'level', display: 'Level', tensor: 'level', unit: '1' }],
      calibration: { method: 'isotonic', points },
    })
    const small = (own: readonly number[]) => linearModel(own.map((weight) => Math.abs(weight) / 300))
    const [own, randomised] = [await probe(contract, small(weights)), await probe(contract, small(others))]
    expect(judgeDependence(own, randomised)).toBe('depends')
  })

  it('is probed on few places, and without asking whether it tells the truth', async () => {
    let runs = 0
    await probe(imageContract({ ...occlusion, rows: 8, columns: 8 }, 'NCHW', 8), (inputs) => {
      runs += 1
      return linearModel(weights)(inputs)
    })
    expect(runs).toBe(2 * (1 + 16))
  })

  it.each([
    [
      'depends',
      (image: readonly number[], own: readonly number[]) => image.map((value, index) => value * (own[index] ?? 0)),
    ],
    ['independent', (image: readonly number[]) => image],
  ] as const)('that a model puts out as its activation: %s', async (verdict, mapOf) => {
    const runWith = (own: readonly number[]) => async (inputs: Tensors) => {
      const maps = imagesOf(inputs).map((image) => mapOf(image, own))
      return { ...(await linearModel(own)(inputs)), activation: floats([maps.length, 4, 4], maps.flat()) }
    }
    const contract = imageContract(activation)
    const [own, randomised] = [await probe(contract, runWith(weights)), await probe(contract, runWith(others))]
    expect(judgeDependence(own, randomised)).toBe(verdict)
  })

  it('is unknown where the randomised model gives no map', async () => {
    const contract = imageContract(activation)
    const level = linearModel(weights)
    const withMap = async (inputs: Tensors) => ({ ...(await level(inputs)), activation: floats([1, 4, 4], ramp) })
    expect(judgeDependence(await probe(contract, withMap), await probe(contract, level))).toBe('unknown')
  })
})

/** y = c, what the pulse contributed: c = x · w, or c = x whatever w is. */
function pulseModel(usesWeight: boolean): Uint8Array {
  const contributions = usesWeight ? node('Mul', ['x', 'w'], ['c']) : node('Identity', ['x'], ['c'])
  const score = node('Add', ['c', 'nothing'], ['y'])
  return model({
    nodes: [node('Sub', ['w', 'w'], ['nothing']), contributions, score],
    constants: [constants('w', [1, 1], [0.01])],
    inputs: [port('x', FLOAT, [1, 1])],
    outputs: [port('y', FLOAT, [1, 1]), port('c', FLOAT, [1, 1])],
  })
}

/** A package whose model puts out what the pulse contributed. */
function explainedDraft(usesWeight: boolean): PackageDraft {
  const draft = sampleDraft()
  const { contract } = draft.manifest
  const [score] = contract.outputs
  if (score?.role !== 'score') expect.fail('the sample has a score')
  const range = { low: -1000, high: 1000 }
  const points: OutputSpec = {
    role: 'contributions',
    name: 'points',
    display: 'Points',
    tensor: 'c',
    unit: '1',
    of: ['pulse'],
  }
  const outputs: OutputSpec[] = [{ ...score, range, decimals: 2 }, points]
  const explanation = { method: 'model-output', output: 'points', total: score.name } as const
  const value = usesWeight ? 2 : 200
  const vectors = [
    {
      name: 'a pulse of 200',
      inputs: { pulse: [{ value: 200, unit: '/min', ageMinutes: 1 }] },
      expect: { outputs: { [score.name]: [value] }, alert: false },
    },
  ]
  const content = (role: string, before: Uint8Array): Uint8Array => {
    if (role === 'model') return pulseModel(usesWeight)
    return role === 'golden-vectors' ? canonicalBytes({ version: 1, vectors }) : before
  }
  const files = [...draft.files.map((file) => ({ ...file, content: content(file.role, file.content) }))]
  if (!files.some(({ role }) => role === 'golden-vectors'))
    files.push({ role: 'golden-vectors', content: content('golden-vectors', new Uint8Array()) })
  const identity = { modelId: 'news2', memoryBytes: 64 * 1024 * 1024, tolerance: { cpu: 1e-5 } }
  return {
    ...draft,
    files,
    manifest: { ...draft.manifest, ...identity, contract: { ...contract, outputs, explanation } },
  }
}

describe('a package', () => {
  let box: ModelBox
  beforeEach(async () => {
    box = await ModelBox.make()
    await box.open()
  })
  afterEach(() => box.remove())

  it('whose explanation comes from its parameters is proven', async () => {
    await expect(box.prove(await box.place(explainedDraft(true)))).resolves.toBeDefined()
  })

  it('whose explanation is the same whatever its parameters are is refused', async () => {
    const proving = box.prove(await box.place(explainedDraft(false)))
    await expect(proving).rejects.toMatchObject({ code: 'inference_explanation_independent' })
    expect(box.leaves('package-refused')).toMatchObject([{ code: 'inference_explanation_independent' }])
  })
})
