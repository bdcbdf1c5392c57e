/** A patient's row and what stands for "nothing known", switched group by group: what exact Shapley values are made of. */
export interface CoalitionInput {
  /** The patient's row. */
  readonly row: Float32Array
  /** The row that stands for "nothing known", same length. */
  readonly baseline: ArrayLike<number>
  /** Columns of each group; together every column once. */
  readonly groups: readonly (readonly number[])[]
}

/** What of a contract's explanation the model's own process needs to know the outputs of all coalitions. */
export interface CoalitionSpec extends Omit<CoalitionInput, 'row'> {
  /** The input that the rows are of. */
  readonly tensor: string
  /** The output that is explained, one number a row. */
  readonly output: string
}

/** The groups whose columns differ from the baseline at all; every other group contributes exactly nothing. */
export function playingGroups({ row, baseline, groups }: CoalitionInput): number[] {
  const differs = (columns: readonly number[]) =>
    columns.some((column) => row[column] !== Math.fround(baseline[column] ?? 0))
  return groups.flatMap((columns, index) => (differs(columns) ? [index] : []))
}

/**
 * One row per coalition of the playing groups, row-major; bit i of the row's number says that player i is switched to the
 * patient. Built by doubling: the rows with player i are the rows without it, its columns switched.
 */
export function coalitionRows(
  { row, baseline, groups }: CoalitionInput,
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
