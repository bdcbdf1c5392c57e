import { describe, expect, it } from 'vitest'
import { type CoveredOutputs, deletionScore } from './deletion-score.ts'
import { drawer } from './seeded-draw.ts'

/** Forty-nine places, four of which the output comes from. */
const parts = Array.from({ length: 49 }, (_, place) => ([16, 17, 23, 24].includes(place) ? 0.2 : 0))
/** The output is what the places give that are not covered. */
const additive: CoveredOutputs = async (covers) =>
  covers.map((places) => parts.reduce((sum, part, place) => sum + (places.includes(place) ? 0 : part), 0.1))
const scoreOf = (values: readonly number[], outputs = additive, seed = 1) =>
  deletionScore(values, drawer('test', seed), outputs)

describe('the deletion score', () => {
  it('is low for a map that names the places that count, and high for one that names the others', async () => {
    const perfect = await scoreOf(parts)
    // 0.9 falls to 0.1 within the first of five steps; after that it stays.
    expect(perfect.own).toBeCloseTo(0.9)
    expect(perfect.covered).toBeCloseTo(0.1)
    expect(perfect.score).toBeCloseTo((10 / 49) * 0.5 + (39 / 49) * 0.1, 12)
    const worst = await scoreOf(parts.map((part) => -part))
    expect(worst.score).toBeCloseTo((39 / 49) * 0.9 + (10 / 49) * 0.5, 12)
    for (const { random } of [perfect, worst]) expect(random).toBeCloseTo(0.5, 12)
    expect(perfect.score).toBeLessThan(perfect.random)
    expect(worst.score).toBeGreaterThan(worst.random)
  })

  it('of a map drawn at random is about that of any order', async () => {
    const scores: number[] = []
    for (let seed = 0; seed < 200; seed++) {
      const draw = drawer('map', seed)
      scores.push((await scoreOf(parts.map(() => draw(1000)))).score)
    }
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
    expect(mean).toBeCloseTo(0.5, 1)
  })

  it('takes the places of one value in their order, and asks for each set once', async () => {
    const asked: (readonly (readonly number[])[])[] = []
    const keeping: CoveredOutputs = (covers) => {
      asked.push(covers)
      return additive(covers)
    }
    await scoreOf([0, 2, 2, 0, 1], keeping)
    expect(asked).toHaveLength(1)
    expect(asked[0]?.slice(0, 6)).toEqual([[], [0, 1, 2, 3, 4], [1], [1, 2], [1, 2, 4], [1, 2, 4, 0]])
    expect(asked[0]).toHaveLength(2 + 3 * 4)
  })

  it('draws the same order from the same seed, and another from another', async () => {
    const products: CoveredOutputs = async (covers) =>
      covers.map((places) =>
        parts.reduce((all, _part, place) => (places.includes(place) ? all * (place / 49) : all), 1),
      )
    const [one, again, other] = [
      await scoreOf(parts, products),
      await scoreOf(parts, products),
      await scoreOf(parts, products, 2),
    ]
    expect(again).toEqual(one)
    expect(other.random).not.toBe(one.random)
    expect(other.score).toBe(one.score)
  })

  it.each([2, 3, 4, 6, 1024])('works on %i places', async (count) => {
    const values = Array.from({ length: count }, (_, place) => place)
    const shares: CoveredOutputs = async (covers) => covers.map((places) => 1 - places.length / count)
    const { score, random, steps } = await scoreOf(values, shares)
    expect(steps).toBe(Math.min(5, count))
    // A straight line from 1 to 0, whatever is covered first.
    expect(score).toBeCloseTo(0.5, 12)
    expect(random).toBeCloseTo(0.5, 12)
  })
})
