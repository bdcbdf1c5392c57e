import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import type { OutputSpec } from '../../models/contract/schema.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import { sampleDraft } from '../../models/package/testkit/sample-draft.ts'
import { FLOAT, floats, model, node, port } from '../inference/testkit/onnx-bytes.ts'
import { judgeDependence } from './randomisation-check.ts'
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

/** y = c, what the pulse contributed: c = x · w, or c = x whatever w is. */
function pulseModel(usesWeight: boolean): Uint8Array {
  const contributions = usesWeight ? node('Mul', ['x', 'w'], ['c']) : node('Identity', ['x'], ['c'])
  const score = node('Add', ['c', 'nothing'], ['y'])
  return model({
    nodes: [node('Sub', ['w', 'w'], ['nothing']), contributions, score],
    constants: [floats('w', [1, 1], [0.01])],
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
