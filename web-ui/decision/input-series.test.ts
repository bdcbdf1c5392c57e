import { describe, expect, it } from 'vitest'
import type { ReadInput } from '../api/answers.ts'
import { sepsisRead } from '../testkit/stub-decisions.ts'
import { byContribution, pointsOf, windowOf } from './input-series.ts'

const at = (minute: number) => new Date(Date.parse('2026-01-05T10:00:00Z') + minute * 60_000).toISOString()
const input = (sent: ReadInput['sent'], used: ReadInput['used']): ReadInput => ({
  ...{
    name: 'rate',
    display: 'Rate',
    kind: 'quantity',
    unit: '/min',
    range: null,
    labels: null,
    flags: [],
    contribution: null,
  },
  sent,
  used,
})

describe('the points of an input', () => {
  it('are what was used, in order of time, and what was sent besides', () => {
    const points = pointsOf(
      input(
        [
          { value: 4, unit: '/min', at: at(2) },
          { value: 80, unit: '/min', at: at(1) },
        ],
        [{ value: 80, at: at(1) }],
      ),
    )
    expect(points.map(({ value, isUsed }) => [value, isUsed])).toEqual([
      [80, true],
      [4, false],
    ])
  })

  it('takes a moment that differs in its last digits as the same', () => {
    const sent = [{ value: 80, unit: '/min', at: '2026-01-05T10:00:00.000Z' }]
    expect(pointsOf(input(sent, [{ value: 80, at: '2026-01-05T10:00:00.400Z' }]))).toHaveLength(1)
  })

  it('never draws a value in another unit as if it were in this one', () => {
    expect(pointsOf(input([{ value: 1.3, unit: 'Hz', at: at(0) }], []))).toMatchObject([{ value: null, isUsed: false }])
  })

  it('are none for what is no number, or has no time', () => {
    expect(pointsOf({ ...input([], [{ value: 'A', at: at(0) }]), kind: 'code' })).toEqual([])
    expect(pointsOf(input([{ value: 1, unit: '/min', at: 'soon' }], [{ value: 'x', at: at(0) }]))).toEqual([])
  })

  it('share one span of time', () => {
    const window = windowOf([input([], [{ value: 1, at: at(0) }]), input([], [{ value: 1, at: at(90) }])])
    expect(window!.fromMs).toBeLessThan(Date.parse(at(0)))
    expect(window!.untilMs).toBeGreaterThan(Date.parse(at(90)))
    expect(windowOf([])).toBeUndefined()
  })
})

it('puts what contributed most first, and keeps the order of the contract without an explanation', () => {
  const { inputs, decision } = sepsisRead()
  const names = (list: readonly ReadInput[]) => list.map(({ name }) => name)
  expect(names(byContribution(inputs, decision.explanation)).slice(0, 3)).toEqual([
    'respiratory-rate',
    'spo2',
    'heart-rate',
  ])
  expect(names(byContribution(inputs, null))).toEqual(names(inputs))
})
