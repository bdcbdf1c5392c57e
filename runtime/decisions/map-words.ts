import type { DeletionScore, ExplanationMap } from './types.ts'

/** Down, then across: the middle of the middle is the centre. */
const NINTHS = [
  ['upper left', 'upper middle', 'upper right'],
  ['left middle', 'centre', 'right middle'],
  ['lower left', 'lower middle', 'lower right'],
] as const

/** Each ninth has eleven parts of a hundred when all have the same; below this one does not stand out. */
const STANDS_OUT = 0.2

/**
 * A map in words: which ninth of the image contributed most of what raised the score. Left is left as the image is seen, which
 * on a radiograph is mostly the patient's right: it is said each time.
 */
export function mapWords(map: ExplanationMap, deletion?: DeletionScore): string {
  if (map.values.every((value) => value === 0)) return 'No part of the image contributed to the score.'
  const raising = map.values.map((value) => Math.max(value, 0))
  const total = raising.reduce((sum, value) => sum + value, 0)
  if (total === 0) return 'No part of the image raised the score.'
  return `${sayLargest(map, raising, total)}${sayDoubt(deletion)}`
}

function sayLargest({ rowEdges, columnEdges }: ExplanationMap, raising: readonly number[], total: number): string {
  const [down, across] = [thirds(rowEdges), thirds(columnEdges)]
  const ninths = NINTHS.flatMap((names, row) =>
    names.map((name, column) => {
      const part = (value: number, place: number) => {
        const [height, width] = [down[Math.floor(place / across.length)], across[place % across.length]]
        return value * (height?.[row] ?? 0) * (width?.[column] ?? 0)
      }
      return { name, share: raising.reduce((sum, value, place) => sum + part(value, place), 0) / total }
    }),
  )
  const largest = ninths.reduce((most, ninth) => (ninth.share > most.share ? ninth : most))
  if (largest.share < STANDS_OUT) return 'What contributed to the score is spread over the image.'
  const side = /left|right/.exec(largest.name)?.[0]
  const asSeen = side === undefined ? '' : `; ${side} as the image is seen, not of the patient`
  const percent = Math.round(largest.share * 100)
  return `The ${largest.name} of the image contributed most to the score (${percent} % of what raised it${asSeen}).`
}

/** A map that covering does not bear out must not be read as if it did. */
function sayDoubt(deletion: DeletionScore | undefined): string {
  if (deletion === undefined || deletion.score < deletion.random) return ''
  return ' Covering the places that the map names lowered the score no more than covering any: do not rely on the map.'
}

/** Of each band between two edges: how much of it lies in the first, the second and the last third of the whole. */
function thirds(edges: readonly number[]): number[][] {
  const length = edges.at(-1) ?? 0
  return edges.slice(1).map((end, index) => {
    const start = edges[index] ?? 0
    return [0, 1, 2].map((third) => {
      const inside = Math.min(end, ((third + 1) * length) / 3) - Math.max(start, (third * length) / 3)
      return end > start ? Math.max(0, inside) / (end - start) : 0
    })
  })
}
