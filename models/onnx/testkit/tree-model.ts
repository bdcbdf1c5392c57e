import { attributeTypes, elementTypes, modelProto } from '../messages.ts'
import type { treeModes } from '../tree-ensemble.ts'

export type Tree = Leaf | Branch

export interface Leaf {
  readonly weight: number
}

export interface Branch {
  readonly mode: Exclude<(typeof treeModes)[number], 'LEAF'>
  readonly column: number
  readonly threshold: number
  /** A NaN goes the true way. */
  readonly missingIsTrue: boolean
  readonly whenTrue: Tree
  readonly whenFalse: Tree
}

export type TreeAttributes = Record<string, number | string | number[] | string[]>

export interface TreeModelShape {
  readonly width: number
  readonly base?: number
  readonly isLogistic?: boolean
  /** Changes what would be written, to make it wrong. */
  readonly change?: (attributes: TreeAttributes) => void
  /** What stands in the graph besides, or instead. */
  readonly graph?: object
  readonly model?: object
}

/** Input `row` float32 [N, width] → trees → output `said` [N, 1]. */
export function treeModel(trees: readonly Tree[], shape: TreeModelShape): Uint8Array {
  const { width, isLogistic = false } = shape
  const attributes = attributesOf(trees, shape.base)
  shape.change?.(attributes)
  const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value))
  const sum = isLogistic ? 'sum' : 'said'
  const node = [
    { input: ['row'], output: [sum], name: 'trees', opType: 'TreeEnsembleRegressor', domain: 'ai.onnx.ml', attribute },
    ...(isLogistic ? [{ input: ['sum'], output: ['said'], name: 'logistic', opType: 'Sigmoid' }] : []),
  ]
  const ends = { input: [valueInfo('row', width)], output: [valueInfo('said', 1)] }
  const opsetImport = [
    { domain: '', version: 21 },
    { domain: 'ai.onnx.ml', version: 3 },
  ]
  const graph = { name: 'trees', node, ...ends, ...shape.graph }
  const model = modelProto.create({ irVersion: 10, producerName: 'trial', opsetImport, graph, ...shape.model })
  return modelProto.encode(model).finish()
}

/** What one tree says of a row, as its definition reads. */
export function walkTree(tree: Tree, row: ArrayLike<number>): number {
  if ('weight' in tree) return tree.weight
  const value = row[tree.column] ?? Number.NaN
  const isTrue = compares(tree, value) || (tree.missingIsTrue && Number.isNaN(value))
  return walkTree(isTrue ? tree.whenTrue : tree.whenFalse, row)
}

function compares({ mode, threshold }: Branch, value: number): boolean {
  switch (mode) {
    case 'BRANCH_LEQ':
      return value <= threshold
    case 'BRANCH_LT':
      return value < threshold
    case 'BRANCH_GTE':
      return value >= threshold
    case 'BRANCH_GT':
      return value > threshold
    case 'BRANCH_EQ':
      return value === threshold
    case 'BRANCH_NEQ':
      return value !== threshold
  }
}

function attributesOf(trees: readonly Tree[], base: number | undefined): TreeAttributes {
  const [treeids, nodeids, featureids, values, trueids, falseids, tracks]: number[][] = [[], [], [], [], [], [], []]
  const [targetTrees, targetNodes, ids, weights]: number[][] = [[], [], [], []]
  const modes: string[] = []
  trees.forEach((tree, treeId) => {
    let last = -1
    const put = (node: Tree): number => {
      last += 1
      const id = last
      const at = modes.push('weight' in node ? 'LEAF' : node.mode) - 1
      const branch = 'weight' in node ? { column: 0, threshold: 0, missingIsTrue: false } : node
      treeids?.push(treeId)
      nodeids?.push(id)
      featureids?.push(branch.column)
      values?.push(branch.threshold)
      tracks?.push(Number(branch.missingIsTrue))
      trueids?.push(0)
      falseids?.push(0)
      if ('weight' in node) {
        targetTrees?.push(treeId)
        targetNodes?.push(id)
        ids?.push(0)
        weights?.push(node.weight)
        return id
      }
      // The false way comes first in every other node: an order must not matter.
      const [trueFirst, falseFirst] = id % 2 === 0 ? [put(node.whenTrue), undefined] : [undefined, put(node.whenFalse)]
      if (trueids !== undefined) trueids[at] = trueFirst ?? put(node.whenTrue)
      if (falseids !== undefined) falseids[at] = falseFirst ?? put(node.whenFalse)
      return id
    }
    put(tree)
  })
  return {
    n_targets: 1,
    aggregate_function: 'SUM',
    post_transform: 'NONE',
    ...(base === undefined ? {} : { base_values: [base] }),
    nodes_treeids: treeids ?? [],
    nodes_nodeids: nodeids ?? [],
    nodes_featureids: featureids ?? [],
    nodes_modes: modes,
    nodes_values: values ?? [],
    nodes_truenodeids: trueids ?? [],
    nodes_falsenodeids: falseids ?? [],
    nodes_missing_value_tracks_true: tracks ?? [],
    target_treeids: targetTrees ?? [],
    target_nodeids: targetNodes ?? [],
    target_ids: ids ?? [],
    target_weights: weights ?? [],
  }
}

const floats = new Set(['base_values', 'nodes_values', 'target_weights'])

function attributeOf(name: string, value: TreeAttributes[string]): object {
  if (typeof value === 'number') return { name, i: value, type: attributeTypes.int }
  if (typeof value === 'string') return { name, s: Buffer.from(value), type: attributeTypes.string }
  if (floats.has(name)) return { name, floats: value, type: attributeTypes.floats }
  if (name === 'nodes_modes')
    return { name, strings: value.map((one) => Buffer.from(String(one))), type: attributeTypes.strings }
  return { name, ints: value, type: attributeTypes.ints }
}

function valueInfo(name: string, width: number): object {
  const dim = [{ dimParam: 'N' }, { dimValue: width }]
  return { name, type: { tensorType: { elemType: elementTypes.float32, shape: { dim } } } }
}
