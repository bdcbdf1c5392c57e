import type { CoalitionInput } from '../contract/coalitions.ts'
import { LEAF, MAX_TREE_DEPTH, type TreeEnsemble, treeModes } from './tree-ensemble.ts'

/** Of one row, over all leaves: some ten milliseconds. A row that needs more is better run through the model. */
const MAX_TERMS = 2 ** 22

const LEQ = treeModes.indexOf('BRANCH_LEQ')
const LT = treeModes.indexOf('BRANCH_LT')
const GTE = treeModes.indexOf('BRANCH_GTE')
const GT = treeModes.indexOf('BRANCH_GT')
const EQ = treeModes.indexOf('BRANCH_EQ')

/**
 * What trees say of every coalition of groups, without running them for each. Each tree is walked once, with the patient's row and
 * the baseline side by side: where both go the same way there is one way, and where they part, it is the way of the patient in those
 * coalitions that have the column's group and that of the baseline in the others. So a leaf counts in the coalitions that hold the
 * groups `must` and none of `mustNot`. By inclusion and exclusion that is a sum, over the subsets S of `mustNot`, of ±1 for every
 * coalition that holds must ∪ S, and all such sums are taken at once by one subset-sum transform.
 * Sums are of float64, where a session adds float32: the difference is that rounding.
 */
export class TreeCoalitions {
  readonly #trees: TreeEnsemble
  /** By branch: the node that the baseline goes on to. */
  readonly #ofBaseline: Int32Array
  /** By column: the bit of its group. */
  readonly #bits: Int32Array
  readonly #size: number
  readonly #isOdd: Uint8Array
  readonly #nodes = new Int32Array(MAX_TREE_DEPTH)
  readonly #musts = new Int32Array(MAX_TREE_DEPTH)
  readonly #mustNots = new Int32Array(MAX_TREE_DEPTH)

  /** @param input groups that hold every column of the baseline once, at most twelve */
  constructor(trees: TreeEnsemble, { baseline, groups }: Omit<CoalitionInput, 'row'>) {
    this.#trees = trees
    const row = Float32Array.from(baseline)
    this.#ofBaseline = Int32Array.from(trees.modes, (mode, at) => (mode === LEAF ? -1 : next(trees, at, row)))
    this.#bits = new Int32Array(baseline.length)
    for (const [index, columns] of groups.entries()) for (const column of columns) this.#bits[column] = 1 << index
    this.#size = 2 ** groups.length
    this.#isOdd = new Uint8Array(this.#size)
    for (let set = 1; set < this.#size; set++) this.#isOdd[set] = (this.#isOdd[set >> 1] as number) ^ (set & 1)
  }

  /**
   * @param row as wide as the baseline
   * @returns the output of each coalition; bit i of its place says that group i is switched to the patient. Undefined where
   * that would take long.
   */
  outputs(row: Float32Array): Float64Array<ArrayBuffer> | undefined {
    const { roots, base, isLogistic } = this.#trees
    const sums = new Float64Array(this.#size)
    sums[0] = base
    let left = MAX_TERMS
    for (let tree = 0; tree < roots.length; tree++) {
      left -= this.#walk(roots[tree] as number, row, sums)
      if (left < 0) return undefined
    }
    for (let bit = 1; bit < this.#size; bit *= 2) {
      for (let set = bit; set < this.#size; set = (set + 1) | bit)
        sums[set] = (sums[set] as number) + (sums[set ^ bit] as number)
    }
    if (isLogistic) for (let set = 0; set < this.#size; set++) sums[set] = 1 / (1 + Math.exp(-(sums[set] as number)))
    return sums
  }

  /** @returns how many terms its leaves took */
  #walk(root: number, row: Float32Array, sums: Float64Array): number {
    const trees = this.#trees
    const { modes, columns, values } = trees
    const [bits, nodes, musts, mustNots] = [this.#bits, this.#nodes, this.#musts, this.#mustNots]
    let [terms, waiting, at, must, mustNot] = [0, 0, root, 0, 0]
    for (;;) {
      if (modes[at] === LEAF) {
        terms += this.#add(values[at] as number, must, mustNot, sums)
        if (waiting === 0) return terms
        waiting -= 1
        at = nodes[waiting] as number
        must = musts[waiting] as number
        mustNot = mustNots[waiting] as number
        continue
      }
      const bit = bits[columns[at] as number] as number
      const patient = next(trees, at, row)
      const nobody = this.#ofBaseline[at] as number
      if (patient !== nobody && ((must | mustNot) & bit) === 0) {
        nodes[waiting] = nobody
        musts[waiting] = must
        mustNots[waiting] = mustNot | bit
        waiting += 1
        must |= bit
      }
      at = (must & bit) !== 0 ? patient : nobody
    }
  }

  #add(value: number, must: number, mustNot: number, sums: Float64Array): number {
    let terms = 1
    // Every subset, from the whole to the empty one.
    for (let set = mustNot; ; set = (set - 1) & mustNot) {
      const place = must | set
      sums[place] = (sums[place] as number) + (this.#isOdd[set] === 1 ? -value : value)
      if (set === 0) return terms
      terms += 1
    }
  }
}

/** The node that this row goes on to from a branch. */
function next(
  { modes, columns, values, whenTrue, whenFalse, missingIsTrue }: TreeEnsemble,
  at: number,
  row: Float32Array,
) {
  const value = row[columns[at] as number] as number
  const isMissing = missingIsTrue[at] === 1 && Number.isNaN(value)
  const isTrue = isMissing || compares(modes[at] as number, value, values[at] as number)
  return (isTrue ? whenTrue : whenFalse)[at] as number
}

function compares(mode: number, value: number, threshold: number): boolean {
  if (mode === LEQ) return value <= threshold
  if (mode === LT) return value < threshold
  if (mode === GTE) return value >= threshold
  if (mode === GT) return value > threshold
  return mode === EQ ? value === threshold : value !== threshold
}
