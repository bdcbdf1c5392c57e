import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coalitionRows } from '../contract/coalitions.ts'
import { DRAWN_WIDTH, drawnGroups, drawnRow, drawnTree } from './testkit/drawn-trees.ts'
import { runModel } from './testkit/run-model.ts'
import { type Tree, treeModel, walkTree } from './testkit/tree-model.ts'
import { TreeCoalitions } from './tree-coalitions.ts'
import { readTreeEnsemble } from './tree-ensemble.ts'

const forest = fc.array(drawnTree, { minLength: 1, maxLength: 6 })

function coalitionsOf(model: Uint8Array, baseline: Float32Array, groups: readonly (readonly number[])[]) {
  const trees = readTreeEnsemble(model)
  expect(trees).toBeDefined()
  return new TreeCoalitions(trees!, { baseline, groups })
}

/** Every coalition as a row of its own. */
function rowsOf(row: Float32Array, baseline: Float32Array, groups: readonly (readonly number[])[]) {
  return coalitionRows({ row, baseline, groups }, [...groups.keys()])
}

describe('coalitions of a row through trees', () => {
  it('put out what each of their rows does, for all modes, values on thresholds, and what is missing', () => {
    fc.assert(
      fc.property(forest, drawnRow, drawnRow, drawnGroups, fc.boolean(), (trees, row, baseline, groups, isLogistic) => {
        const model = treeModel(trees, { width: DRAWN_WIDTH, base: 0.25, isLogistic })
        const outputs = coalitionsOf(model, baseline, groups).outputs(row)
        const rows = rowsOf(row, baseline, groups)
        const expected = Array.from({ length: 16 }, (_, set) => {
          const one = rows.subarray(set * DRAWN_WIDTH, (set + 1) * DRAWN_WIDTH)
          const sum = trees.reduce((total, tree) => total + walkTree(tree, one), 0.25)
          return isLogistic ? 1 / (1 + Math.exp(-sum)) : sum
        })
        expected.forEach((value, set) => {
          expect(outputs?.[set]).toBeCloseTo(value, 12)
        })
      }),
      { numRuns: 500 },
    )
  })

  it('put out what onnxruntime says of the same rows', async () => {
    const cases = fc.sample(fc.tuple(forest, drawnRow, drawnRow, drawnGroups, fc.boolean()), { numRuns: 12, seed: 5 })
    for (const [trees, row, baseline, groups, isLogistic] of cases) {
      const model = treeModel(trees, { width: DRAWN_WIDTH, base: 0.25, isLogistic })
      const data = rowsOf(row, baseline, groups)
      const { said } = await runModel(model, { row: { dtype: 'float32', dims: [16, DRAWN_WIDTH], data } })
      const outputs = coalitionsOf(model, baseline, groups).outputs(row)
      Array.from(said?.data ?? [], Number).forEach((value, set) => {
        expect(outputs?.[set]).toBeCloseTo(value, 5)
      })
      expect(said?.data).toHaveLength(16)
    }
  }, 60_000)

  it('differ in nothing where a group is as the baseline has it', () => {
    const tree = branch(0, branch(1, { weight: 1 }, { weight: 2 }), { weight: 4 })
    const outputs = coalitionsOf(treeModel([tree], { width: 2 }), new Float32Array([1, -1]), [[0], [1]])
    expect([...outputs.outputs(new Float32Array([1, 1]))!]).toEqual([4, 4, 4, 4])
    expect([...outputs.outputs(new Float32Array([-1, 1]))!]).toEqual([4, 1, 4, 2])
    expect([...outputs.outputs(new Float32Array([-1, -1]))!]).toEqual([4, 1, 4, 1])
  })

  it('of a group that a way meets twice part there once', () => {
    const tree = branch(0, branch(0, { weight: 1 }, { weight: 2 }, -1), branch(1, { weight: 4 }, { weight: 8 }))
    const outputs = coalitionsOf(treeModel([tree], { width: 2 }), new Float32Array([1, 1]), [[0, 1]])
    expect([...outputs.outputs(new Float32Array([-0.5, -1]))!]).toEqual([8, 2])
  })

  it('are not computed where a row takes too many terms', () => {
    // Twelve groups on every way, of which the false ones all lie with the baseline: 4,096 terms for one leaf of each tree.
    const tree = Array.from({ length: 12 }).reduce<Tree>((below, _, column) => branch(column, { weight: 1 }, below), {
      weight: 2,
    })
    const groups = Array.from({ length: 12 }, (_, column) => [column])
    const few = coalitionsOf(treeModel(Array(4).fill(tree), { width: 12 }), new Float32Array(12).fill(1), groups)
    const row = new Float32Array(12).fill(-1)
    expect(few.outputs(row)?.[0]).toBe(8)
    expect(few.outputs(row)?.[4095]).toBe(4)
    const many = coalitionsOf(treeModel(Array(1100).fill(tree), { width: 12 }), new Float32Array(12).fill(1), groups)
    expect(many.outputs(row)).toBeUndefined()
    expect(many.outputs(new Float32Array(12).fill(1))?.[0]).toBe(2200)
  })

  it('of the sepsis score are its trees', () => {
    const trees = readTreeEnsemble(readFileSync(new URL('../sepsis-risk/model.onnx', import.meta.url)))
    expect(trees?.roots).toHaveLength(960)
  })
})

/** At most the threshold: true. */
function branch(column: number, whenTrue: Tree, whenFalse: Tree, threshold = 0): Tree {
  return { mode: 'BRANCH_LEQ', column, threshold, missingIsTrue: false, whenTrue, whenFalse }
}
