import { describe, expect, it, test } from 'vitest'
import { coalitionRows } from '../../models/contract/coalitions.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { type Tree, treeModel, walkTree } from '../../models/onnx/testkit/tree-model.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'
import { proveTrees } from './tree-shortcut.ts'
import { COALITIONS } from './types.ts'

const WIDTH = 3
const trees = [0, 1, 2].map(
  (column): Tree => ({
    ...{ mode: 'BRANCH_LT', column, threshold: 0.5, missingIsTrue: column === 1 },
    whenTrue: { weight: column + 1 },
    whenFalse: {
      ...{ mode: 'BRANCH_GTE', column: (column + 1) % WIDTH, threshold: 2, missingIsTrue: false },
      ...{ whenTrue: { weight: -0.5 }, whenFalse: { weight: 0.125 } },
    },
  }),
)
const model = treeModel(trees, { width: WIDTH, isLogistic: true })
const spec = { tensor: 'row', output: 'said', baseline: [0, 0, 3], groups: [[0, 2], [1]] }

const say = (row: ArrayLike<number>) => 1 / (1 + Math.exp(-trees.reduce((sum, tree) => sum + walkTree(tree, row), 0)))
const run = async (rows: Float32Array, count: number) =>
  Float32Array.from({ length: count }, (_, at) => say(rows.subarray(at * WIDTH, (at + 1) * WIDTH)))
const rowsOf = (...data: number[]): Tensors => ({
  row: { dtype: 'float32', dims: [data.length / WIDTH, WIDTH], data: Float32Array.from(data) },
})

describe('a shortcut through trees', () => {
  it('says what each coalition puts out, once it was shown to', async () => {
    const shortcut = await proveTrees(model, spec, run)
    const told = shortcut?.explain(rowsOf(1, 1, 1, Number.NaN, 0, 0))[COALITIONS]
    expect(told).toMatchObject({ dtype: 'float32', dims: [2, 4] })
    const members = [
      [0, 0, 3],
      [1, 0, 1],
      [0, 1, 3],
      [1, 1, 1],
      [0, 0, 3],
      [Number.NaN, 0, 0],
      [0, 0, 3],
    ]
    members.forEach((row, at) => {
      expect(told?.data[at]).toBeCloseTo(say(row), 6)
    })
  })

  it('is not taken when the session says something else of one row alone, or cannot say', async () => {
    for (const at of [0, 1, 700, 1023]) {
      const other = async (rows: Float32Array, count: number) => {
        const said = await run(rows, count)
        said[at] = (said[at] ?? 0) + 1e-4
        return said
      }
      expect(await proveTrees(model, spec, other)).toBeUndefined()
    }
    expect(await proveTrees(model, spec, async () => [])).toBeUndefined()
    expect(await proveTrees(model, spec, () => Promise.reject(new TypeError('refused')))).toBeUndefined()
  })

  it('is held against rows on the thresholds, and against what is missing', async () => {
    // The same trees, but for what they do on a threshold; and with NaN.
    const strict = trees.map((tree) => ('weight' in tree ? tree : { ...tree, mode: 'BRANCH_LEQ' as const }))
    expect(await proveTrees(treeModel(strict, { width: WIDTH, isLogistic: true }), spec, run)).toBeUndefined()
    const lost = trees.map((tree) => ('weight' in tree ? tree : { ...tree, missingIsTrue: false }))
    expect(await proveTrees(treeModel(lost, { width: WIDTH, isLogistic: true }), spec, run)).toBeUndefined()
  })

  it('is none for another input, another output, fewer columns, or what is no model', async () => {
    expect(await proveTrees(model, { ...spec, tensor: 'x' }, run)).toBeUndefined()
    expect(await proveTrees(model, { ...spec, output: 'x' }, run)).toBeUndefined()
    expect(await proveTrees(model, { ...spec, baseline: [0, 0], groups: [[0], [1]] }, run)).toBeUndefined()
    expect(await proveTrees(Uint8Array.of(1, 2, 3), spec, run)).toBeUndefined()
    expect(await proveTrees(new Uint8Array(), spec, run)).toBeUndefined()
  })

  it('says nothing of what are not some rows', async () => {
    const shortcut = await proveTrees(model, spec, run)
    const row = rowsOf(1, 1, 1).row!
    const others: Tensors[] = [
      {},
      { row: { ...row, dims: [3] } },
      { row: { ...row, dims: [3, 1] } },
      { row: { ...row, dims: [0, 3], data: new Float32Array(0) } },
      { row: { ...row, dtype: 'float64', data: Float64Array.of(1, 1, 1) } },
      rowsOf(...Array<number>(65 * WIDTH).fill(1)),
    ]
    for (const inputs of others) expect(shortcut?.explain(inputs)).toEqual({})
  })
})

describe('a model of trees in its process', () => {
  const inputs = rowsOf(1, -1, Number.NaN)
  const rows = coalitionRows({ row: inputs.row!.data as Float32Array, ...spec }, [0, 1])
  const asked = { row: { dtype: 'float32', dims: [4, WIDTH], data: rows } } as const

  test.each(['nothing', 'all'] as const)('tells what its own session says, with %s randomised', async (randomised) => {
    const options = { coalitions: spec, ...(randomised === 'all' ? { randomised } : {}) }
    await using trial = startTrial(model, options)
    const told = (await trial.worker.run(inputs, inMs(20_000)))[COALITIONS]
    const { said } = await trial.worker.run(asked, inMs(20_000))
    expect(told?.dims).toEqual([1, 4])
    Array.from(said?.data ?? [], Number).forEach((value, set) => {
      expect(told?.data[set]).toBeCloseTo(value, 6)
    })
    const own = Number(told?.data[3])
    if (randomised === 'all') expect(own).not.toBeCloseTo(say(rows.subarray(9)), 3)
    else expect(own).toBeCloseTo(say(rows.subarray(9)), 6)
  })

  test.each<[string, object, Uint8Array]>([
    ['nobody explains it', {}, model],
    ['it is not trees alone', { coalitions: spec }, withNegation()],
    ['its output is made into something else', { coalitions: spec, outputSteps: steps() }, model],
  ])('says nothing of coalitions where %s', async (_what, options, bytes) => {
    await using trial = startTrial(bytes, options)
    expect(Object.keys(await trial.worker.run(inputs, inMs(20_000)))).toEqual([expect.stringMatching(/^said$|^risk$/)])
  })
})

function withNegation(): Uint8Array {
  const node = [{ input: ['row'], output: ['said'], name: 'minus', opType: 'Neg' }]
  return treeModel(trees, { width: WIDTH, graph: { node } })
}

function steps() {
  return { ops: [{ op: 'sigmoid', version: 1, from: 'said', to: 'risk' } as const], keep: ['risk'] }
}
