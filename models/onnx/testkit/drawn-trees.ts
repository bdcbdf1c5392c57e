import fc from 'fast-check'
import { treeModes } from '../tree-ensemble.ts'
import type { Tree } from './tree-model.ts'

export const DRAWN_WIDTH = 6

/** Few values, so that they often stand on a threshold; none of them is exact in float32 only by luck. */
const thresholds = [-1, -0, 0, 0.1, 0.5, 2, 1e9]
const values = [...thresholds, 0.3, -7, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]

const leaf = fc.record({ weight: fc.float({ min: -1, max: 1, noNaN: true }) })
const branchModes = treeModes.filter((mode) => mode !== 'LEAF')

/** Trees of all modes, up to five branches deep. */
export const drawnTree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.record({
      mode: fc.constantFrom(...branchModes),
      column: fc.nat(DRAWN_WIDTH - 1),
      threshold: fc.constantFrom(...thresholds).map(Math.fround),
      missingIsTrue: fc.boolean(),
      whenTrue: tie('tree'),
      whenFalse: tie('tree'),
    }),
  ),
})).tree

export const drawnRow: fc.Arbitrary<Float32Array> = fc
  .array(fc.constantFrom(...values), { minLength: DRAWN_WIDTH, maxLength: DRAWN_WIDTH })
  .map((row) => Float32Array.from(row))

/** A group for each column; some groups may have none. */
export const drawnGroups: fc.Arbitrary<number[][]> = fc
  .array(fc.nat(3), { minLength: DRAWN_WIDTH, maxLength: DRAWN_WIDTH })
  .map((groupOf) => [0, 1, 2, 3].map((group) => [...groupOf.keys()].filter((column) => groupOf[column] === group)))
