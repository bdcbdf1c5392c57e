import type { Triple, Volume } from './image-facts.ts'

/** Where an axis of the new grid comes from: which old axis, and how many old places one step on it is. */
export interface AxisSource {
  readonly from: 0 | 1 | 2
  readonly step: number
}

export type AxisSources = readonly [AxisSource, AxisSource, AxisSource]

const asItWas: AxisSources = [
  { from: 0, step: 1 },
  { from: 1, step: 1 },
  { from: 2, step: 1 },
]

/**
 * The same block on another grid.
 * @param axes for columns, rows and frames of the new grid; undefined: as they were
 * @param origin where the new grid's first place lies, in columns, rows and frames of the old one
 */
export function remapVolume(volume: Volume, axes: AxisSources = asItWas, origin: Triple): Volume {
  const { affineRas, spacingMm, hasOrientation } = volume
  const old = (row: number, axis: number): number => affineRas[row * 4 + axis] ?? 0
  const rows = [0, 1, 2].flatMap((row) => [
    ...axes.map(({ from, step }) => old(row, from) * step),
    old(row, 0) * origin[0] + old(row, 1) * origin[1] + old(row, 2) * origin[2] + old(row, 3),
  ])
  const [columns, lines, frames] = axes.map(({ from, step }) => spacingMm[from] * Math.abs(step))
  // No negative zero: it says nothing.
  return { affineRas: rows.map((part) => part + 0), spacingMm: [columns!, lines!, frames!], hasOrientation }
}
