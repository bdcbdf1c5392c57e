/**
 * Exact Shapley values (L. S. Shapley, "A value for n-person games", 1953) over groups of columns: what each group
 * adds to the output, averaged over every order in which groups could be switched from the baseline to the patient.
 */
export interface ShapleyInput {
  /** The patient's row. */
  readonly row: Float32Array
  /** The row that stands for "nothing known", same length. */
  readonly baseline: readonly number[]
  /** Columns of each group. */
  readonly groups: readonly (readonly number[])[]
}

/** The groups whose columns differ from the baseline at all; every other group contributes exactly nothing. */
export function playingGroups({ row, baseline, groups }: ShapleyInput): number[] {
  const differs = (columns: readonly number[]) =>
    columns.some((column) => row[column] !== Math.fround(baseline[column] ?? 0))
  return groups.flatMap((columns, index) => (differs(columns) ? [index] : []))
}

/**
 * One row per coalition of the playing groups, row-major; bit i of the row's number says that player i is switched to the
 * patient. Built by doubling: the rows with player i are the rows without it, its columns switched.
 */
export function coalitionRows(
  { row, baseline, groups }: ShapleyInput,
  players: readonly number[],
): Float32Array<ArrayBuffer> {
  const width = row.length
  const rows = new Float32Array(width << players.length)
  rows.set(baseline)
  players.forEach((group, bit) => {
    const half = width << bit
    rows.copyWithin(half, 0, half)
    for (const column of groups[group] ?? []) {
      const value = row[column] ?? 0
      for (let at = half + column; at < 2 * half; at += width) rows[at] = value
    }
  })
  return rows
}

/**
 * Shapley value of each of `count` players from the output of each coalition.
 * @param outputs outputs[coalition], 2^count of them
 */
export function shapleyValues(outputs: readonly number[], count: number): number[] {
  const weights = coalitionWeights(count)
  return Array.from({ length: count }, (_, player) => {
    let value = 0
    for (let coalition = 0; coalition < outputs.length; coalition++) {
      if ((coalition >> player) & 1) continue
      const gain = (outputs[coalition | (1 << player)] ?? 0) - (outputs[coalition] ?? 0)
      value += (weights[bitCount(coalition)] ?? 0) * gain
    }
    return value
  })
}

/** weights[s] = s! (n − s − 1)! / n!, by the recurrence that needs no factorials. */
function coalitionWeights(count: number): number[] {
  const weights = [1 / count]
  for (let size = 1; size < count; size++) weights.push(((weights[size - 1] ?? 0) * size) / (count - size))
  return weights
}

function bitCount(value: number): number {
  let count = 0
  for (let rest = value; rest !== 0; rest &= rest - 1) count++
  return count
}
