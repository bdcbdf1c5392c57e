import { type Draw, shuffled } from './seeded-draw.ts'

/**
 * The deletion score of a map (Petsiuk, Das and Saenko, "RISE: Randomized input sampling for explanation of black-box
 * models", 2018): places are covered step by step, those first that the map says contributed most, and the area under the
 * output says how fast it falls. Beside it the same for a drawn order, forwards and backwards: of outputs that add up
 * over the places their mean is exactly what any order leads to on the average.
 */
export interface Deletion {
  /** Output of the image as it is. */
  readonly own: number
  /** Output when every place is covered. */
  readonly covered: number
  readonly score: number
  readonly random: number
  readonly steps: number
}

/** The output for each of these sets of covered places. */
export type CoveredOutputs = (covers: readonly (readonly number[])[]) => Promise<readonly number[]>

/** Few, since each costs three runs of the model. */
const MAX_STEPS = 5

/** @param values one for each place, at least two */
export async function deletionScore(
  values: readonly number[],
  draw: Draw,
  outputsOf: CoveredOutputs,
): Promise<Deletion> {
  const places = [...values.keys()]
  const byMap = places.toSorted((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b)
  const drawn = shuffled(places, draw)
  const orders = [byMap, drawn, drawn.toReversed()]
  const steps = Math.min(MAX_STEPS, places.length)
  const ends = Array.from({ length: steps + 1 }, (_, step) => Math.round((step * places.length) / steps))
  // Every order begins with nothing covered and ends with everything.
  const inner = orders.flatMap((order) => ends.slice(1, -1).map((end) => order.slice(0, end)))
  const [own = Number.NaN, covered = Number.NaN, ...between] = await outputsOf([[], places, ...inner])
  const areaOf = (order: number) => {
    const outputs = [own, ...between.slice(order * (steps - 1), (order + 1) * (steps - 1)), covered]
    return area(
      ends.map((end) => end / places.length),
      outputs,
    )
  }
  const random = (areaOf(1) + areaOf(2)) / 2
  return { own, covered, score: areaOf(0), random, steps }
}

/** By trapezia. */
function area(at: readonly number[], heights: readonly number[]): number {
  return at.slice(1).reduce((sum, end, index) => {
    const [start = 0, left = 0, right = 0] = [at[index], heights[index], heights[index + 1]]
    return sum + ((end - start) * (left + right)) / 2
  }, 0)
}
