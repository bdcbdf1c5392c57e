import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { preprocessingOp } from '../schema.ts'
import { NOW_MS } from '../testkit/contracts.ts'
import { runTransform, type TransformStep, transformShape } from '../transforms.ts'
import type { Matrix, MatrixShape } from './matrix.ts'
import { observe } from './observe.ts'
import { type Take, takeOf } from './take.ts'

const none = Number.NaN

function matrix(...rows: readonly (readonly number[])[]): Matrix {
  return { rows: rows.length, columns: rows[0]?.length ?? 0, cells: Float64Array.from(rows.flat()) }
}

function rowsOf({ rows, columns, cells }: Matrix): number[][] {
  return Array.from({ length: rows }, (_, row) => [...cells.slice(row * columns, (row + 1) * columns)])
}

const step = (draft: Readonly<Record<string, unknown>>) =>
  preprocessingOp.parse({ version: 1, from: 'a', to: 'b', ...draft }) as TransformStep
const run = (draft: Readonly<Record<string, unknown>>, ...rows: readonly (readonly number[])[]) =>
  rowsOf(runTransform(step(draft), [matrix(...rows)]))

describe('each op does what its line says', () => {
  it('since-first drops the rows before anything was measured, and keeps the last', () => {
    expect(run({ op: 'since-first' }, [none, none], [none, 3], [none, none])).toEqual([
      [none, 3],
      [none, none],
    ])
    expect(run({ op: 'since-first' }, [1, none], [2, none])).toEqual([
      [1, none],
      [2, none],
    ])
    expect(run({ op: 'since-first' }, [none], [none], [none])).toEqual([[none]])
  })

  it('difference is 0 in the first row, measured or not, and missing beside what is missing', () => {
    expect(run({ op: 'difference' }, [1, none], [4, 5], [none, 7])).toEqual([
      [0, 0],
      [3, none],
      [none, 2],
    ])
  })

  it('logarithm of the columns named, of no less than the floor', () => {
    expect(run({ op: 'logarithm', columns: [1], floor: 0.5 }, [0, Math.E], [-1, 0], [none, none])).toEqual([
      [0, 1],
      [-1, Math.log(0.5)],
      [none, none],
    ])
  })

  it('scale and select', () => {
    expect(run({ op: 'scale', factor: [10, -1] }, [1, 2], [none, 0.5])).toEqual([
      [10, -2],
      [none, -0.5],
    ])
    expect(run({ op: 'select', columns: [2, 0, 2] }, [1, 2, 3], [4, 5, none])).toEqual([
      [3, 1, 3],
      [none, 4, none],
    ])
  })

  it('stack has the newest row first, and what is beyond the first row as told', () => {
    expect(run({ op: 'stack', rows: 3, beyond: 0 }, [1, 2], [3, none], [5, 6])).toEqual([
      [1, 2, 0, 0, 0, 0],
      [3, none, 1, 2, 0, 0],
      [5, 6, 3, none, 1, 2],
    ])
    expect(run({ op: 'stack', rows: 2, beyond: null }, [1])).toEqual([[1, none]])
  })

  it('last-rows cuts, or fills from above', () => {
    expect(run({ op: 'last-rows', rows: 2, beyond: 9 }, [1], [2], [3])).toEqual([[2], [3]])
    expect(run({ op: 'last-rows', rows: 3, beyond: 9 }, [1])).toEqual([[9], [9], [1]])
    expect(run({ op: 'last-rows', rows: 2, beyond: null }, [1])).toEqual([[none], [1]])
  })

  it.each<[Take, number[]]>([
    ['latest', [none, 4, 2, 2, 7]],
    ['first', [none, 4, 4, 4, 2]],
    ['mean', [none, 4, 3, 3, 4.5]],
    ['minimum', [none, 4, 2, 2, 2]],
    ['maximum', [none, 4, 4, 4, 7]],
    ['sum', [none, 4, 6, 6, 9]],
    ['count', [0, 1, 2, 2, 2]],
  ])('window takes the %s of what was measured in three rows', (take, expected) => {
    const made = run({ op: 'window', rows: 3, take }, [none], [4], [2], [none], [7])
    expect(made.flat()).toEqual(expected)
  })
})

describe('bins', () => {
  const MINUTE_MS = 60_000
  const bins = (take: Take, agoMinutes: readonly (readonly [number, number])[]) => {
    const spec = { kind: 'quantity', name: 'pulse' } as never
    const observations = agoMinutes.map(([ago, value]) => ({ value, atMs: NOW_MS - ago * MINUTE_MS }))
    const made = observe(
      { op: 'bins', version: 1, inputs: ['pulse'], minutes: 15, count: 3, take, to: 'b' },
      { inputs: { pulse: observations }, flags: [] },
      { inputs: [spec] } as never,
      NOW_MS,
    )
    return rowsOf(made).flat()
  }

  it('a span is [n, n+1) widths before now; what is older is left out', () => {
    const sent = [45, 44.9, 30, 29.9, 15, 14.9, 0].map((ago, index) => [ago, index] as const)
    expect(bins('latest', sent)).toEqual([2, 4, 6])
    expect(bins('first', sent)).toEqual([1, 3, 5])
    expect(bins('sum', sent)).toEqual([3, 7, 11])
    expect(bins('count', sent)).toEqual([2, 2, 2])
    expect(bins('mean', [])).toEqual([none, none, none])
    expect(bins('count', [])).toEqual([0, 0, 0])
  })
})

const cell = fc.oneof(fc.constant(none), fc.double({ noNaN: true, min: -1e6, max: 1e6 }))
const anyMatrix = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 5 }))
  .chain(([rows, columns]) =>
    fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
  )
  .map((rows) => matrix(...rows))

/** A step of any op that fits a matrix of so many columns. */
function stepFor(columns: number): fc.Arbitrary<TransformStep> {
  const rows = fc.integer({ min: 1, max: 14 })
  const beyond = fc.constantFrom(0, -3.5, null)
  const take = fc.constantFrom('latest', 'first', 'mean', 'minimum', 'maximum', 'sum', 'count')
  const some = fc.uniqueArray(fc.integer({ min: 0, max: columns - 1 }), { minLength: 1 })
  return fc
    .oneof(
      fc.constantFrom(
        { op: 'since-first' },
        { op: 'difference' },
        { op: 'rows-since' },
        { op: 'carry-forward' },
        { op: 'last-row' },
      ),
      fc.record({ op: fc.constant('logarithm'), columns: some, floor: fc.constantFrom(1e-9, 0.5, 3) }),
      fc.record({
        op: fc.constant('scale'),
        factor: fc.constant(Array.from({ length: columns }, (_, at) => at - 1.5)),
      }),
      fc.record({ op: fc.constant('select'), columns: some }),
      fc.record({ op: fc.constant('stack'), rows, beyond }),
      fc.record({ op: fc.constant('last-rows'), rows, beyond }),
      fc.record({ op: fc.constant('window'), rows, take }),
    )
    .map((draft) => step(draft))
}

const withStep = anyMatrix.chain((made) => fc.tuple(fc.constant(made), stepFor(made.columns)))

describe('properties', () => {
  it('what an op makes has the shape it announced, is missing only where it said so, and leaves its source alone', () => {
    fc.assert(
      fc.property(withStep, fc.boolean(), ([made, op], varies) => {
        const mayBeMissing = Array.from({ length: made.columns }, (_, column) =>
          made.cells.some((value, index) => index % made.columns === column && Number.isNaN(value)),
        )
        const shape: MatrixShape = { rows: made.rows, mayBeMissing, ...(varies ? { varies: 'stay' } : {}) }
        const before = made.cells.slice()
        const after = runTransform(op, [made])
        const announced = transformShape(op, [shape])
        if ('fault' in announced) expect.unreachable(announced.fault)
        expect(made.cells).toEqual(before)
        expect(after.columns).toBe(announced.mayBeMissing.length)
        expect(after.cells).toHaveLength(after.rows * after.columns)
        if (announced.varies === undefined) expect(after.rows).toBe(announced.rows)
        else expect(after.rows).toBeLessThanOrEqual(announced.rows)
        after.cells.forEach((value, index) => {
          if (Number.isNaN(value)) expect(announced.mayBeMissing[index % after.columns]).toBe(true)
        })
      }),
    )
  })

  it('differences add up to last − first', () => {
    const whole = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(whole, (column) => {
        const made = run({ op: 'difference' }, ...column.map((value) => [value])).flat()
        expect(made.reduce((sum, value) => sum + value, 0)).toBe(column.at(-1)! - column[0]!)
      }),
    )
  })

  it('the last row of a stack is the last rows, newest first; a stack of one and a window of one change nothing', () => {
    fc.assert(
      fc.property(anyMatrix, fc.integer({ min: 1, max: 14 }), (made, rows) => {
        const stacked = rowsOf(runTransform(step({ op: 'stack', rows, beyond: 0 }), [made])).at(-1)
        const last = rowsOf(runTransform(step({ op: 'last-rows', rows, beyond: 0 }), [made]))
        expect(stacked).toEqual(last.toReversed().flat())
        const same = [step({ op: 'stack', rows: 1, beyond: 0 }), step({ op: 'window', rows: 1, take: 'mean' })]
        for (const op of same) expect(runTransform(op, [made])).toEqual(made)
      }),
    )
  })

  it('a window is bounded by its own minimum and maximum', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 }), (values) => {
        const mean = takeOf(values, 'mean')
        const slack = 1e-6
        expect(mean).toBeGreaterThanOrEqual(takeOf(values, 'minimum') - slack)
        expect(mean).toBeLessThanOrEqual(takeOf(values, 'maximum') + slack)
        expect(values).toContain(takeOf(values, 'latest'))
      }),
    )
  })
})
