/** Values row by row. */
export interface Grid {
  readonly rows: number
  readonly columns: number
  readonly values: Float32Array
}

interface Reach {
  readonly first: number
  readonly weights: Float64Array
}

/**
 * Bilinear with antialiasing, the picture stretched to the new size: each new pixel is the mean of the old ones under a
 * triangle as wide as the picture shrinks, rows first, then columns (the rule of Pillow's `resize`). Written apart from the
 * op of the contract, which a test holds to it.
 */
export function areaResize(grid: Grid, rows: number, columns: number): Grid {
  const wide = alongRows(grid, columns)
  const turned = alongRows(transpose(wide), rows)
  return transpose(turned)
}

function alongRows({ rows, columns, values }: Grid, to: number): Grid {
  const reaches = Array.from({ length: to }, (_, at) => reachOf(at, columns / to, columns))
  const out = new Float32Array(rows * to)
  for (let row = 0; row < rows; row += 1) {
    for (const [at, { first, weights }] of reaches.entries()) {
      let sum = 0
      for (let step = 0; step < weights.length; step += 1) sum += weights[step]! * values[row * columns + first + step]!
      out[row * to + at] = sum
    }
  }
  return { rows, columns: to, values: out }
}

function reachOf(at: number, scale: number, size: number): Reach {
  const width = Math.max(scale, 1)
  const centre = (at + 0.5) * scale
  const first = Math.max(0, Math.trunc(centre - width + 0.5))
  const end = Math.min(size, Math.trunc(centre + width + 0.5))
  const weights = Float64Array.from({ length: end - first }, (_, step) =>
    Math.max(0, 1 - Math.abs((first + step - centre + 0.5) / width)),
  )
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return { first, weights: weights.map((weight) => weight / sum) }
}

function transpose({ rows, columns, values }: Grid): Grid {
  const out = new Float32Array(values.length)
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1) out[column * rows + row] = values[row * columns + column]!
  return { rows: columns, columns: rows, values: out }
}
