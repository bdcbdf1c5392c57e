import { drawer, shuffled } from './seeded-draw.ts'

/**
 * Shapley values by sampling: each group's contribution is its gain averaged over drawn orders (Castro, Gómez and Tejada,
 * "Polynomial calculation of the Shapley value based on sampling", 2009), each order walked forwards and backwards
 * (antithetic sampling: Mitchell and others, "Sampling permutations for Shapley value estimation", 2022). What is
 * not switched to the patient yet stands as in a background row; the value of a coalition is the mean over those rows.
 * Every walk goes from the background to the patient, so the contributions add up to output − baseline whatever is drawn.
 */
export interface PermutationInput {
  /** The patient's row. */
  readonly row: Float32Array
  /** Rows that stand for "nothing known", same length. */
  readonly background: readonly (readonly number[])[]
  /** Columns of each group. */
  readonly groups: readonly (readonly number[])[]
  /** What the orders are drawn from: the same seed draws the same orders on every machine. */
  readonly seed: number
  /** Orders drawn; each is walked twice. */
  readonly permutations: number
}

export interface PermutationValues {
  /** Of each group, in their order. */
  readonly values: readonly number[]
  /** Standard error of each value: how far another seed would typically move it. */
  readonly standardErrors: readonly number[]
  /** Mean output of the background rows. */
  readonly baseline: number
}

/** Rows in, row-major, and one output a row. */
export type EvaluateRows = (rows: Float32Array<ArrayBuffer>, count: number) => Promise<readonly number[]>

/** Cells of one batch: 256 kB. A decision that came meanwhile gets its turn between two of them. */
const MAX_BATCH_CELLS = 65_536
const DRAW_PURPOSE = 'wardstone/v1/permutation'

export async function permutationShapley(input: PermutationInput, evaluate: EvaluateRows): Promise<PermutationValues> {
  const players = playersOf(input)
  const baseline = mean(
    await evaluateAll(
      input,
      input.background.map(() => new Set<number>()),
      evaluate,
    ),
  )
  const [full = Number.NaN] = await evaluate(Float32Array.from(input.row), 1)
  const draw = drawer(DRAW_PURPOSE, input.seed)
  const gains: number[][] = []
  for (let drawn = 0; drawn < input.permutations; drawn++) {
    const order = shuffled(players, draw)
    const forwards = await walk(input, order, baseline, full, evaluate)
    const backwards = await walk(input, order.toReversed(), baseline, full, evaluate)
    gains.push(input.groups.map((_, group) => ((forwards.get(group) ?? 0) + (backwards.get(group) ?? 0)) / 2))
  }
  const ofGroup = input.groups.map((_, group) => gains.map((pair) => pair[group] ?? 0))
  return { values: ofGroup.map(mean), standardErrors: ofGroup.map(standardError), baseline }
}

/** Groups that differ from any background row; every other one contributes exactly nothing. */
function playersOf({ row, background, groups }: PermutationInput): number[] {
  const differs = (columns: readonly number[]) =>
    background.some((other) => columns.some((column) => row[column] !== Math.fround(other[column] ?? 0)))
  return groups.flatMap((columns, index) => (differs(columns) ? [index] : []))
}

/** What each group adds when the groups are switched to the patient in this order. */
async function walk(
  input: PermutationInput,
  order: readonly number[],
  baseline: number,
  full: number,
  evaluate: EvaluateRows,
): Promise<ReadonlyMap<number, number>> {
  const coalitions = order.slice(1).flatMap((_, place) => {
    const members = new Set(order.slice(0, place + 1))
    return input.background.map(() => members)
  })
  const outputs = await evaluateAll(input, coalitions, evaluate)
  const size = input.background.length
  const steps = [
    baseline,
    ...order.slice(1).map((_, place) => mean(outputs.slice(place * size, (place + 1) * size))),
    full,
  ]
  return new Map(order.map((group, place) => [group, (steps[place + 1] ?? 0) - (steps[place] ?? 0)]))
}

/** @param coalitions one for each row; their background rows follow each other in turn */
async function evaluateAll(
  { row, background, groups }: PermutationInput,
  coalitions: readonly ReadonlySet<number>[],
  evaluate: EvaluateRows,
): Promise<number[]> {
  const width = row.length
  const most = Math.max(1, Math.floor(MAX_BATCH_CELLS / width))
  const outputs: number[] = []
  for (let from = 0; from < coalitions.length; from += most) {
    const batch = coalitions.slice(from, from + most)
    const rows = new Float32Array(batch.length * width)
    batch.forEach((members, index) => {
      rows.set(background[(from + index) % background.length] ?? [], index * width)
      for (const group of members)
        for (const column of groups[group] ?? []) rows[index * width + column] = row[column] ?? 0
    })
    outputs.push(...(await evaluate(rows, batch.length)))
  }
  return outputs
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0) / numbers.length
}

/** Of the mean: the deviation between pairs over the root of their number. */
function standardError(numbers: readonly number[]): number {
  const middle = mean(numbers)
  const squares = numbers.reduce((total, value) => total + (value - middle) ** 2, 0)
  return Math.sqrt(squares / (numbers.length - 1) / numbers.length)
}
