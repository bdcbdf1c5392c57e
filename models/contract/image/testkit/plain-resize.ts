/**
 * Resampling written out plainly, for comparison: every place of the result looks at every place of the source, in both
 * directions at once, in float64. Nothing of it is shared with the code that ships.
 */

/** By how much a value counts at a distance from the place, in units of the filter. */
const shapes = {
  box: (distance: number) => (distance === 0.5 ? 0.5 : distance < 0.5 ? 1 : 0),
  bilinear: (distance: number) => (distance < 1 ? 1 - distance : 0),
  // Keys 1981, equation 4, with a = −1/2.
  bicubic: (d: number) => {
    const a = -0.5
    if (d < 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1
    return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0
  },
  lanczos: (d: number) => {
    if (d === 0) return 1
    const angle = Math.PI * d
    return d < 3 ? (3 * Math.sin(angle) * Math.sin(angle / 3)) / angle ** 2 : 0
  },
} as const

export type PlainFilter = keyof typeof shapes

export function plainResize(
  source: readonly (readonly number[])[],
  rows: number,
  columns: number,
  filter: PlainFilter,
): readonly (readonly number[])[] {
  const [height, width] = [source.length, source[0]?.length ?? 0]
  const weight = (place: number, from: number, to: number, index: number): number => {
    const ratio = from / to
    const distance = Math.abs(index + 0.5 - (place + 0.5) * ratio)
    return shapes[filter](Math.round((distance / Math.max(1, ratio)) * 1e12) / 1e12)
  }
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => {
      let [sum, weights] = [0, 0]
      source.forEach((line, y) => {
        line.forEach((value, x) => {
          const share = weight(row, height, rows, y) * weight(column, width, columns, x)
          sum += share * value
          weights += share
        })
      })
      return sum / weights
    }),
  )
}
