import { at, type Matrix } from './matrix.ts'

/**
 * How many rows above each cell its column was last measured: 0 where the cell itself is, missing where nothing was so
 * far. With one row an hour it is the age of the last value in hours.
 */
export function rowsSince({ rows, columns, cells }: Matrix): Matrix {
  const since = new Float64Array(cells.length)
  cells.forEach((value, index) => {
    const above = index < columns ? Number.NaN : at(since, index - columns)
    since[index] = Number.isNaN(value) ? above + 1 : 0
  })
  return { rows, columns, cells: since }
}
