import { describe, expect, it } from 'vitest'
import { mapWords } from './map-words.ts'
import type { DeletionScore, ExplanationMap } from './types.ts'

function mapOf(rows: readonly (readonly number[])[]): ExplanationMap {
  const columns = rows[0]?.length ?? 0
  const even = (count: number) => Array.from({ length: count + 1 }, (_, index) => index * 4)
  return {
    rows: rows.length,
    columns,
    values: rows.flat(),
    rowEdges: even(rows.length),
    columnEdges: even(columns),
  }
}
const faithful: DeletionScore = { score: 0.1, random: 0.5, steps: 5, fill: 0, seed: 1 }

describe('a map in words', () => {
  it('names the ninth that contributed most, how much of it, and whose left it is', () => {
    const map = mapOf([
      [6, 1, 0],
      [1, 1, 0],
      [0, 1, 0],
    ])
    expect(mapWords(map, faithful)).toBe(
      'The upper left of the image contributed most to the score (60 % of what raised it; left as the image is seen, not of the patient).',
    )
  })

  it.each([
    ['upper left', 0, 0, 'left as the image is seen'],
    ['upper middle', 0, 3, '%'],
    ['upper right', 0, 6, 'right as the image is seen'],
    ['left middle', 3, 0, 'left as the image is seen'],
    ['centre', 3, 3, '%'],
    ['right middle', 3, 6, 'right as the image is seen'],
    ['lower left', 6, 0, 'left as the image is seen'],
    ['lower middle', 6, 3, '%'],
    ['lower right', 6, 6, 'right as the image is seen'],
  ])('knows the %s', (name, row, column, words) => {
    const rows = Array.from({ length: 7 }, (_, y) =>
      Array.from({ length: 7 }, (_, x) => (y === row && x === column ? 1 : 0)),
    )
    const said = mapWords(mapOf(rows), faithful)
    expect(said).toMatch(new RegExp(`^The ${name} of the image contributed most to the score \\(`))
    expect(said).toContain(words)
    expect(said.includes('as the image is seen')).toBe(/left|right/.test(name))
  })

  it('shares out a place that lies in several ninths, by its edges', () => {
    const halves = mapOf([
      [0, 0],
      [0, 9],
    ])
    // Of the lower right quarter, 4/9 is the lower right ninth.
    expect(mapWords(halves)).toMatch(/^The lower right .*\(44 %/)
    const shifted = { ...halves, rowEdges: [0, 1, 9], columnEdges: [0, 1, 9] }
    // A place of 8 × 8 from 1 on: 9 of its 64 elements lie in each ninth that is whole.
    expect(mapWords(shifted)).toBe('What contributed to the score is spread over the image.')
  })

  it('does not name what does not stand out, lowers the score, or is nothing', () => {
    const of = (value: number) => mapOf(Array.from({ length: 6 }, () => Array.from({ length: 6 }, () => value)))
    expect(mapWords(of(1))).toBe('What contributed to the score is spread over the image.')
    expect(mapWords(of(-1))).toBe('No part of the image raised the score.')
    expect(mapWords(of(0))).toBe('No part of the image contributed to the score.')
    const lowering = mapOf([
      [-50, 0, 0],
      [0, 0, 2],
      [0, 0, 0],
    ])
    expect(mapWords(lowering)).toMatch(/^The right middle of the image .*100 %/)
  })

  it('says when covering does not bear the map out', () => {
    const map = mapOf([
      [6, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ])
    expect(mapWords(map, { ...faithful, score: 0.5 })).toMatch(/\)\. Covering the places .*do not rely on the map\.$/)
    expect(mapWords(map, faithful)).not.toContain('rely')
  })

  it('never says why', () => {
    expect(mapWords(mapOf([[1, 0, 0]]), { ...faithful, score: 1 })).not.toMatch(/because|caus|due to/)
  })
})
