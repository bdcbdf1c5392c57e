import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OnnxError } from './errors.ts'
import { DRAWN_WIDTH, drawnTree } from './testkit/drawn-trees.ts'
import { type Tree, type TreeAttributes, type TreeModelShape, treeModel } from './testkit/tree-model.ts'
import { readTreeEnsemble } from './tree-ensemble.ts'

/** Nodes 0 (branch), 1 (branch), 2, 3, 4 (leaves), in two trees. */
const tree: Tree = {
  ...{ mode: 'BRANCH_LT', column: 1, threshold: 3, missingIsTrue: false, whenFalse: { weight: 0.5 } },
  whenTrue: {
    ...{ mode: 'BRANCH_LEQ', column: 0, threshold: 2, missingIsTrue: true },
    ...{ whenTrue: { weight: 1 }, whenFalse: { weight: 2 } },
  },
}
const trees = [tree, tree]
const read = (shape: Partial<TreeModelShape> = {}) => readTreeEnsemble(treeModel(trees, { width: 2, ...shape }))
const changed = (change: (attributes: TreeAttributes) => void) => read({ change })
/** Puts something else in the place of an attribute, or of one member of its list. */
function put(name: string, value: number | string | number[], index?: number) {
  return (attributes: TreeAttributes) => {
    if (index === undefined) attributes[name] = value
    else (attributes[name] as unknown[])[index] = value
  }
}
const list = (attributes: TreeAttributes, name: string) => attributes[name] as number[]

describe('a model of trees', () => {
  it('is read node by node', () => {
    const read = readTreeEnsemble(treeModel(trees, { width: 2, base: 0.25, isLogistic: true }))
    expect(read).toMatchObject({ input: 'row', output: 'said', width: 2, base: 0.25, isLogistic: true })
    expect([...read!.roots]).toEqual([0, 5])
    expect([...read!.modes.subarray(0, 5)]).toEqual([2, 1, 0, 0, 0])
    expect(Array.from(read!.values.subarray(0, 5)).toSorted()).toEqual([0.5, 1, 2, 2, 3])
    expect([...read!.missingIsTrue.subarray(0, 5)]).toEqual([0, 1, 0, 0, 0])
  })

  it.each<[string, (attributes: TreeAttributes) => void]>([
    ['a circle', put('nodes_truenodeids', 0, 1)],
    ['a branch to itself', put('nodes_falsenodeids', 0, 0)],
    ['two branches that lead to one node', put('nodes_falsenodeids', 1, 0)],
    ['a branch to a node that is not there', put('nodes_truenodeids', 77, 0)],
    ['a branch to a negative node', put('nodes_truenodeids', -1, 0)],
    ['an id that comes twice', put('nodes_nodeids', 2, 3)],
    ['a tree in pieces', put('nodes_treeids', 1, 2)],
    ['a mode that nobody knows', put('nodes_modes', 'BRANCH_MEMBER', 0)],
    ['a negative column', put('nodes_featureids', -3, 0)],
    ['a column beyond all bounds', put('nodes_featureids', 2 ** 40, 0)],
    ['lists of other lengths', (a) => void list(a, 'nodes_values').pop()],
    ['missing values of too few nodes', (a) => void list(a, 'nodes_missing_value_tracks_true').pop()],
    ['a leaf without weight', (a) => dropTarget(a)],
    ['a leaf with two weights', put('target_nodeids', 2, 1)],
    ['a weight of a branch', put('target_nodeids', 0, 0)],
    ['a weight of no node', put('target_nodeids', 99, 0)],
    ['a weight that is no number', put('target_weights', Number.NaN, 0)],
    ['a weight for another target', put('target_ids', 1, 0)],
    ['two targets', put('n_targets', 2)],
    ['an average', put('aggregate_function', 'AVERAGE')],
    ['a transform of the sum', put('post_transform', 'PROBIT')],
    ['two base values', put('base_values', [1, 2])],
    ['an attribute that nobody knows', put('nodes_values_as_tensor', [1])],
    ['no nodes', put('nodes_treeids', [])],
    ['no modes', (a) => void Reflect.deleteProperty(a, 'nodes_modes')],
  ])('is not read with %s', (_what, change) => {
    expect(changed(() => {})).toBeDefined()
    expect(changed(change)).toBeUndefined()
  })

  it.each<[string, Partial<TreeModelShape>]>([
    ['constants of its own', { graph: { initializer: [{ dims: [1], dataType: 1, name: 'row' }] } }],
    ['another operator', { graph: { node: [{ input: ['row'], output: ['said'], opType: 'Neg' }] } }],
    ['no operator', { graph: { node: [] } }],
    ['two outputs', { graph: { output: [{ name: 'said' }, { name: 'other' }] } }],
    ['an output that is none of its values', { graph: { output: [{ name: 'other' }] } }],
    ['two inputs', { graph: { input: [{ name: 'row' }, { name: 'other' }] } }],
  ])('is not read in a graph with %s', (_what, shape) => {
    expect(read(shape)).toBeUndefined()
  })

  it('is not read where the way from the root is long', () => {
    const deep = Array.from({ length: 300 }).reduce<Tree>(
      (whenFalse) => ({
        ...{ mode: 'BRANCH_EQ', column: 0, threshold: 1, missingIsTrue: false, whenTrue: { weight: 1 } },
        whenFalse,
      }),
      { weight: 0 },
    )
    expect(readTreeEnsemble(treeModel([deep], { width: 1 }))).toBeUndefined()
  })

  it('is not read with more nodes than there is room for', () => {
    const many = treeModel(Array(14_000).fill(tree), { width: 2 })
    expect(readTreeEnsemble(many)).toBeUndefined()
  })

  it('that is damaged anywhere is read, or not, or is a typed error; it ends', () => {
    const trees = fc.array(drawnTree, { minLength: 1, maxLength: 3 })
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(trees, damage, (forest, bytes) => {
        const model = treeModel(forest, { width: DRAWN_WIDTH })
        for (const [at, byte] of bytes) model[at % model.length] = byte
        try {
          const read = readTreeEnsemble(model)
          expect(read === undefined || read.modes.length > 0).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(OnnxError)
        }
      }),
      { numRuns: 500 },
    )
  })
})

function dropTarget(attributes: TreeAttributes): void {
  for (const name of ['target_treeids', 'target_nodeids', 'target_ids', 'target_weights']) list(attributes, name).pop()
}
