import { at, type Matrix, type MatrixShape, mapCells, type ShapeFault, type Transform, uneven } from './matrix.ts'
import { rowsSince } from './rows-since.ts'
import type { SeriesOp } from './series-schema.ts'
import { takeOf } from './take.ts'

type Steps = { readonly [Op in SeriesOp as Op['op']]: Op }
type SeriesTransforms = { readonly [Name in Exclude<keyof Steps, 'bins'>]: Transform<Steps[Name]> }

/** Ops over the rows of a series. Each is pure, in float64, and reads what it is given once or `rows` times. */
export const seriesTransforms: SeriesTransforms = {
  'since-first': {
    run: (_step, [matrix]) => sinceFirst(matrix),
    shape: ({ to }, [shape]) => ({ ...shape, varies: to }),
  },
  difference: {
    run: (_step, [matrix]) => difference(matrix),
    shape: (_step, [shape]) => shape,
  },
  'rows-since': {
    run: (_step, [matrix]) => rowsSince(matrix),
    shape: (_step, [shape]) => shape,
  },
  logarithm: {
    run: ({ columns, floor }, [matrix]) => logarithm(matrix, new Set(columns), floor),
    shape: ({ columns }, [shape]) => outside(columns, shape) ?? repeated(columns) ?? shape,
  },
  scale: {
    run: ({ factor }, [matrix]) => mapCells(matrix, (value, column) => value * at(factor, column)),
    shape: ({ factor }, [shape]) => uneven({ factor }, shape) ?? shape,
  },
  select: {
    run: ({ columns }, [matrix]) => select(matrix, columns),
    shape: ({ columns }, [shape]) =>
      outside(columns, shape) ?? {
        ...shape,
        mayBeMissing: columns.map((column) => shape.mayBeMissing[column] ?? true),
      },
  },
  stack: {
    run: (step, [matrix]) => stack(matrix, step.rows, step.beyond ?? Number.NaN),
    shape: (step, [shape]) => ({
      ...shape,
      mayBeMissing: Array.from({ length: step.rows }, (_, back) =>
        shape.mayBeMissing.map((may) => may || (back > 0 && step.beyond === null)),
      ).flat(),
    }),
  },
  window: {
    run: (step, [matrix]) => slide(matrix, step),
    shape: ({ take }, [shape]) =>
      take === 'count' ? { ...shape, mayBeMissing: shape.mayBeMissing.map(() => false) } : shape,
  },
  'last-rows': {
    run: (step, [matrix]) => lastRows(matrix, step.rows, step.beyond ?? Number.NaN),
    shape: (step, [{ rows, mayBeMissing, varies }]) => {
      const mayLack = varies !== undefined || rows < step.rows
      return { rows: step.rows, mayBeMissing: mayBeMissing.map((may) => may || (mayLack && step.beyond === null)) }
    },
  },
}

function sinceFirst({ rows, columns, cells }: Matrix): Matrix {
  const measured = cells.findIndex((value) => !Number.isNaN(value))
  const start = measured < 0 ? rows - 1 : Math.floor(measured / columns)
  return { rows: rows - start, columns, cells: cells.slice(start * columns) }
}

function difference({ rows, columns, cells }: Matrix): Matrix {
  return {
    rows,
    columns,
    cells: cells.map((value, index) => (index < columns ? 0 : value - at(cells, index - columns))),
  }
}

/** A missing value stays missing: Math.max gives NaN for it. */
function logarithm(matrix: Matrix, columns: ReadonlySet<number>, floor: number): Matrix {
  return mapCells(matrix, (value, column) => (columns.has(column) ? Math.log(Math.max(value, floor)) : value))
}

function select(matrix: Matrix, columns: readonly number[]): Matrix {
  const cells = new Float64Array(matrix.rows * columns.length)
  for (let row = 0, index = 0; row < matrix.rows; row++) {
    for (const column of columns) cells[index++] = at(matrix.cells, row * matrix.columns + column)
  }
  return { rows: matrix.rows, columns: columns.length, cells }
}

function stack(matrix: Matrix, depth: number, beyond: number): Matrix {
  const width = matrix.columns * depth
  const cells = new Float64Array(matrix.rows * width).fill(beyond)
  for (let row = 0; row < matrix.rows; row++) {
    for (let back = 0; back < depth && back <= row; back++) {
      const above = matrix.cells.subarray((row - back) * matrix.columns, (row - back + 1) * matrix.columns)
      cells.set(above, row * width + back * matrix.columns)
    }
  }
  return { rows: matrix.rows, columns: width, cells }
}

function slide({ rows, columns, cells }: Matrix, step: Steps['window']): Matrix {
  const taken = cells.map((_, index) => {
    const measured: number[] = []
    for (let back = step.rows - 1; back >= 0; back--) {
      const value = at(cells, index - back * columns)
      if (!Number.isNaN(value)) measured.push(value)
    }
    return takeOf(measured, step.take)
  })
  return { rows, columns, cells: taken }
}

function lastRows({ rows, columns, cells }: Matrix, wanted: number, beyond: number): Matrix {
  const last = new Float64Array(wanted * columns).fill(beyond)
  const kept = cells.subarray(Math.max(0, rows - wanted) * columns)
  last.set(kept, last.length - kept.length)
  return { rows: wanted, columns, cells: last }
}

function outside(columns: readonly number[], { mayBeMissing }: MatrixShape): ShapeFault | undefined {
  return columns.some((column) => column >= mayBeMissing.length) ? { fault: 'columns' } : undefined
}

function repeated(columns: readonly number[]): ShapeFault | undefined {
  return new Set(columns).size === columns.length ? undefined : { fault: 'columns' }
}
