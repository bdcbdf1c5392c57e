import { type Attribute, MAX_TREE_NODES, readTreeGraph, type TreeGraph } from './tree-graph.ts'

/** How a node asks its column; a leaf asks nothing. */
export const treeModes = [
  'LEAF',
  'BRANCH_LEQ',
  'BRANCH_LT',
  'BRANCH_GTE',
  'BRANCH_GT',
  'BRANCH_EQ',
  'BRANCH_NEQ',
] as const
export const LEAF = 0

/** Trees whose leaves are added up, node by node in flat arrays; a node is known by its place in them. */
export interface TreeEnsemble {
  /** Names in the graph. */
  readonly input: string
  readonly output: string
  readonly roots: Int32Array
  /** Places in {@link treeModes}. */
  readonly modes: Uint8Array
  readonly columns: Int32Array
  /** What a branch compares with; what a leaf adds. */
  readonly values: Float32Array
  readonly whenTrue: Int32Array
  readonly whenFalse: Int32Array
  /** 1: a NaN goes the true way, whatever the comparison says. */
  readonly missingIsTrue: Uint8Array
  /** One more than the highest column that is asked. */
  readonly width: number
  /** Added to the leaves. */
  readonly base: number
  /** The logistic function is taken of the sum. */
  readonly isLogistic: boolean
}

/** Of one tree, from its root to a leaf. */
export const MAX_TREE_DEPTH = 256

const perNode = ['treeids', 'nodeids', 'featureids', 'truenodeids', 'falsenodeids'] as const
const known = new Set([
  ...perNode.map((name) => `nodes_${name}`),
  ...['nodes_values', 'nodes_modes', 'nodes_missing_value_tracks_true', 'nodes_hitrates'],
  ...['target_treeids', 'target_nodeids', 'target_ids', 'target_weights'],
  ...['n_targets', 'base_values', 'aggregate_function', 'post_transform'],
])

/**
 * Reads a model that is nothing but trees for one target, added up, with or without a sigmoid behind them (TreeEnsembleRegressor of
 * https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html). Whatever it leaves room to doubt is not read as trees:
 * a node that no root or two branches lead to, a leaf that adds nothing or twice, an attribute that is not known here.
 * @returns undefined for every other model
 * @throws OnnxError onnx_malformed | onnx_too_complex | onnx_too_large
 */
export function readTreeEnsemble(model: Uint8Array): TreeEnsemble | undefined {
  const graph = readTreeGraph(model)
  if (graph === undefined || !isSum(graph)) return undefined
  const { attributes } = graph
  const [treeIds, nodeIds, columns, trueIds, falseIds] = perNode.map((name) => numbersOf(attributes, `nodes_${name}`))
  const thresholds = numbersOf(attributes, 'nodes_values')
  const modes = (attributes.get('nodes_modes')?.texts ?? []).map((mode) =>
    (treeModes as readonly string[]).indexOf(mode),
  )
  const tracks = attributes.get('nodes_missing_value_tracks_true')?.numbers ?? []
  if (!treeIds || !nodeIds || !columns || !trueIds || !falseIds || !thresholds) return undefined
  const count = treeIds.length
  const lists = [nodeIds, columns, trueIds, falseIds, thresholds, modes]
  if (count > MAX_TREE_NODES || lists.some(({ length }) => length !== count) || modes.includes(-1)) return undefined
  if (tracks.length > 0 && tracks.length !== count) return undefined
  if (columns.some((column) => column >= MAX_TREE_NODES)) return undefined
  const places = placesOf(treeIds, nodeIds)
  const leaves = places && leafWeights(attributes, places, modes)
  if (places === undefined || leaves === undefined) return undefined
  const childOf = (ids: readonly number[]) =>
    Int32Array.from(ids, (id, at) => (modes[at] === LEAF ? -1 : (places.get(treeIds[at] ?? -1)?.get(id) ?? -1)))
  const ensemble: TreeEnsemble = {
    input: graph.input,
    output: graph.output,
    roots: Int32Array.from([...places.values()].map((nodes) => nodes.values().next().value ?? -1)),
    modes: Uint8Array.from(modes),
    columns: Int32Array.from(columns),
    values: Float32Array.from(thresholds, (threshold, at) => leaves.get(at) ?? threshold),
    whenTrue: childOf(trueIds),
    whenFalse: childOf(falseIds),
    missingIsTrue: Uint8Array.from({ length: count }, (_, at) => (tracks[at] === 1 ? 1 : 0)),
    width: 1 + columns.reduce((most, column, at) => (modes[at] === LEAF ? most : Math.max(most, column)), -1),
    base: attributes.get('base_values')?.numbers[0] ?? 0,
    isLogistic: graph.isLogistic,
  }
  return isForest(ensemble) ? ensemble : undefined
}

/** One target, which the leaves are added up for; nothing that would be done with the sum. */
function isSum({ attributes }: TreeGraph): boolean {
  if ([...attributes.keys()].some((name) => !known.has(name))) return false
  const { integer: targets = 1 } = attributes.get('n_targets') ?? {}
  const { text: aggregate = 'SUM' } = attributes.get('aggregate_function') ?? {}
  const { text: transform = 'NONE' } = attributes.get('post_transform') ?? {}
  const bases = attributes.get('base_values')?.numbers.length ?? 0
  return targets === 1 && aggregate === 'SUM' && transform === 'NONE' && bases <= 1
}

function numbersOf(attributes: ReadonlyMap<string, Attribute>, name: string): readonly number[] | undefined {
  const { numbers } = attributes.get(name) ?? {}
  return numbers === undefined || numbers.length === 0 ? undefined : numbers
}

/** Tree → node's id → place. @returns undefined where a tree lies in pieces or an id comes twice */
function placesOf(
  treeIds: readonly number[],
  nodeIds: readonly number[],
): ReadonlyMap<number, ReadonlyMap<number, number>> | undefined {
  const trees = new Map<number, Map<number, number>>()
  for (const [at, tree] of treeIds.entries()) {
    const id = nodeIds[at] ?? -1
    if (trees.has(tree) !== (treeIds[at - 1] === tree)) return undefined
    const nodes = trees.get(tree) ?? new Map<number, number>()
    if (nodes.has(id)) return undefined
    trees.set(tree, nodes.set(id, at))
  }
  return trees
}

/** What each leaf adds, by its place. @returns undefined unless each leaf, and nothing else, has one weight for the one target */
function leafWeights(
  attributes: ReadonlyMap<string, Attribute>,
  places: ReadonlyMap<number, ReadonlyMap<number, number>>,
  modes: readonly number[],
): ReadonlyMap<number, number> | undefined {
  const [trees, nodes, targets, weights] = ['treeids', 'nodeids', 'ids', 'weights'].map(
    (name) => numbersOf(attributes, `target_${name}`) ?? [],
  )
  if (!trees || !nodes || !targets || !weights) return undefined
  if ([nodes, targets, weights].some(({ length }) => length !== trees.length)) return undefined
  const leaves = new Map<number, number>()
  for (const [index, weight] of weights.entries()) {
    const at = places.get(trees[index] ?? -1)?.get(nodes[index] ?? -1)
    if (at === undefined || modes[at] !== LEAF || targets[index] !== 0 || leaves.has(at)) return undefined
    if (!Number.isFinite(weight)) return undefined
    leaves.set(at, weight)
  }
  return leaves.size === modes.filter((mode) => mode === LEAF).length ? leaves : undefined
}

/** Does exactly one way lead from the roots to each node, and not too long a one? */
function isForest({ roots, modes, whenTrue, whenFalse }: TreeEnsemble): boolean {
  const seen = new Uint8Array(modes.length)
  const waiting = Array.from(roots, (at) => ({ at, depth: 1 }))
  let reached = 0
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { at, depth } = next
    if (at < 0 || seen[at] === 1 || depth > MAX_TREE_DEPTH) return false
    seen[at] = 1
    reached += 1
    if (modes[at] === LEAF) continue
    waiting.push({ at: whenTrue[at] ?? -1, depth: depth + 1 }, { at: whenFalse[at] ?? -1, depth: depth + 1 })
  }
  return reached === modes.length
}
