import type { CoalitionSpec } from '../../models/contract/coalitions.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { smallDraw } from '../../models/onnx/small-draw.ts'
import { TreeCoalitions } from '../../models/onnx/tree-coalitions.ts'
import { LEAF, readTreeEnsemble, type TreeEnsemble } from '../../models/onnx/tree-ensemble.ts'
import { COALITIONS } from './types.ts'

/** Rows that are drawn, and of each so many coalitions: together one run of some milliseconds. */
const DRAWN_ROWS = 32
const COALITIONS_OF_EACH = 32
/** How far the session's sums of float32 may be from those of float64. */
const TOLERANCE = 1e-5
/** More rows at once are no decisions. */
const MAX_ROWS = 64

/** Runs rows of the explained tensor through the session. @returns one number a row, where there is one */
export type RunRows = (rows: Float32Array, count: number) => Promise<ArrayLike<number | bigint>>

/** What trees say of all coalitions of each row that the model is asked about. */
export interface TreeShortcut {
  /** @returns a tensor [rows, 2^groups] of the name COALITIONS; nothing where the inputs are not such rows, or it would take long */
  explain(inputs: Tensors): Tensors
}

/**
 * Finds out whether a model is trees whose coalitions can be computed without running it for each, and shows that they can: for
 * drawn rows, most of whose values stand exactly on a threshold or are missing, the outputs of drawn coalitions are held against
 * what the session says of the same rows.
 * @returns undefined where the model is anything else, or one number differs: the session is asked for coalitions then
 */
export async function proveTrees(
  model: Uint8Array,
  spec: CoalitionSpec,
  run: RunRows,
): Promise<TreeShortcut | undefined> {
  try {
    const trees = readTreeEnsemble(model)
    const width = spec.baseline.length
    if (trees?.input !== spec.tensor || trees.output !== spec.output || trees.width > width) return undefined
    const coalitions = new TreeCoalitions(trees, spec)
    return (await agree(coalitions, trees, spec, run))
      ? { explain: (inputs) => explain(coalitions, spec, inputs) }
      : undefined
  } catch {
    // What cannot be read here, or run on such rows, is a matter of the self-test.
    return undefined
  }
}

async function agree(
  coalitions: TreeCoalitions,
  trees: TreeEnsemble,
  { baseline, groups }: CoalitionSpec,
  run: RunRows,
): Promise<boolean> {
  const draw = smallDraw(1)
  const thresholds = thresholdsOf(trees, baseline.length)
  const rows = new Float32Array(DRAWN_ROWS * COALITIONS_OF_EACH * baseline.length)
  const expected: number[] = []
  for (let drawn = 0; drawn < DRAWN_ROWS; drawn++) {
    const row = Float32Array.from(thresholds, (own, column) => drawValue(baseline[column] ?? 0, own, draw))
    const outputs = coalitions.outputs(row)
    if (outputs === undefined) return false
    for (let index = 0; index < COALITIONS_OF_EACH; index++) {
      // Nobody and everybody among them.
      const set = index < 2 ? index * (outputs.length - 1) : Math.floor(draw() * outputs.length)
      const from = expected.length * baseline.length
      rows.set(baseline, from)
      for (const columns of groups.filter((_, group) => ((set >> group) & 1) === 1))
        for (const column of columns) rows[from + column] = row[column] ?? 0
      expected.push(outputs[set] ?? Number.NaN)
    }
  }
  const said = await run(rows, expected.length)
  const isSame = (value: number, other: number) => Math.abs(other - value) <= TOLERANCE * Math.max(1, Math.abs(value))
  return said.length === expected.length && expected.every((value, index) => isSame(value, Number(said[index])))
}

/** By column: what its branches compare with. */
function thresholdsOf({ modes, columns, values }: TreeEnsemble, width: number): readonly (readonly number[])[] {
  const thresholds: number[][] = Array.from({ length: width }, () => [])
  for (const [at, mode] of modes.entries()) if (mode !== LEAF) thresholds[columns[at] ?? 0]?.push(values[at] ?? 0)
  return thresholds
}

/** Mostly on a threshold, where one comparison differs from another; else beside it, missing, or as the baseline has it. */
function drawValue(baseline: number, thresholds: readonly number[], draw: () => number): number {
  const kind = draw()
  const threshold = thresholds[Math.floor(draw() * thresholds.length)] ?? baseline
  if (kind < 0.6) return threshold
  if (kind < 0.8) return threshold + draw() - 0.5
  return kind < 0.9 ? Number.NaN : baseline
}

function explain(coalitions: TreeCoalitions, { tensor, baseline }: CoalitionSpec, inputs: Tensors): Tensors {
  const { dtype, dims = [], data } = inputs[tensor] ?? {}
  const [rows = 0, width] = dims
  const isRows = dtype === 'float32' && dims.length === 2 && width === baseline.length && rows > 0 && rows <= MAX_ROWS
  if (!isRows || !(data instanceof Float32Array)) return {}
  const each: Float64Array[] = []
  for (let from = 0; from < data.length; from += width) {
    const outputs = coalitions.outputs(data.subarray(from, from + width))
    if (outputs === undefined) return {}
    each.push(outputs)
  }
  const size = each[0]?.length ?? 0
  // In what the model speaks: the ends of a range are held to that.
  const all = new Float32Array(rows * size)
  each.forEach((outputs, row) => {
    all.set(outputs, row * size)
  })
  return { [COALITIONS]: { dtype: 'float32', dims: [rows, size], data: all } }
}
