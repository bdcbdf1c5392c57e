import type { PreprocessingOp } from './schema.ts'

/** Rows × columns, row-major; NaN is a missing value. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly cells: Float64Array
}

/** What is known of a matrix before any patient: its size, and which of its columns can hold a missing value. */
export interface MatrixShape {
  readonly rows: number
  readonly mayBeMissing: readonly boolean[]
}

type Ops = { [Op in PreprocessingOp as Op['op']]: Op }
export type TransformName = Exclude<keyof Ops, 'observe' | 'tensor'>
/** The ops between the first matrix and the tensor: `TransformStep<'fill'>` is one of them, `TransformStep` any. */
export type TransformStep<Name extends TransformName = TransformName> = { [Key in Name]: Ops[Key] & { op: Key } }[Name]
export type Sources<Item> = readonly [Item, ...Item[]]

interface Transform<Step> {
  run(step: Step, from: Sources<Matrix>): Matrix
  /** The shape that `run` gives, or the name of the step's field that does not fit what it reads. */
  shape(step: Step, from: Sources<MatrixShape>): MatrixShape | { readonly fault: string }
}

type Transforms = { readonly [Name in TransformName]: Transform<TransformStep<Name>> }

const transforms: Transforms = {
  'carry-forward': {
    run: (_step, [matrix]) => carryForward(matrix),
    shape: (_step, [shape]) => shape,
  },
  'last-row': {
    run: (_step, [{ rows, columns, cells }]) => ({ rows: 1, columns, cells: cells.slice((rows - 1) * columns) }),
    shape: (_step, [shape]) => ({ ...shape, rows: 1 }),
  },
  mask: {
    run: (_step, [matrix]) => mapCells(matrix, (value) => (Number.isNaN(value) ? 0 : 1)),
    shape: (_step, [shape]) => withoutMissing(shape),
  },
  fill: {
    run: (step, [matrix]) =>
      mapCells(matrix, (value, column) => (Number.isNaN(value) ? at(step.values, column) : value)),
    shape: ({ values }, [shape]) => uneven({ values }, shape) ?? withoutMissing(shape),
  },
  standardize: {
    run: (step, [matrix]) => mapCells(matrix, (value, column) => (value - at(step.mean, column)) / at(step.sd, column)),
    shape: ({ mean, sd }, [shape]) => uneven({ mean, sd }, shape) ?? shape,
  },
  clip: {
    run: (step, [matrix]) =>
      mapCells(matrix, (value, column) => Math.min(Math.max(value, at(step.low, column)), at(step.high, column))),
    shape: ({ low, high }, [shape]) =>
      uneven({ low, high }, shape) ??
      (low.some((limit, column) => limit > at(high, column)) ? { fault: 'low' } : shape),
  },
  concatenate: {
    run: (_step, from) => concatenate(from),
    shape: (_step, from) =>
      from.every((shape) => shape.rows === from[0].rows)
        ? { rows: from[0].rows, mayBeMissing: from.flatMap((shape) => shape.mayBeMissing) }
        : { fault: 'from' },
  },
}

export function runTransform<Name extends TransformName>(step: TransformStep<Name>, from: Sources<Matrix>): Matrix {
  return transforms[step.op].run(step, from)
}

export function transformShape<Name extends TransformName>(step: TransformStep<Name>, from: Sources<MatrixShape>) {
  return transforms[step.op].shape(step, from)
}

function mapCells(matrix: Matrix, change: (value: number, column: number) => number): Matrix {
  return { ...matrix, cells: matrix.cells.map((value, index) => change(value, index % matrix.columns)) }
}

function carryForward({ rows, columns, cells }: Matrix): Matrix {
  const carried = cells.slice()
  for (let index = columns; index < carried.length; index++) {
    if (Number.isNaN(carried[index])) carried[index] = at(carried, index - columns)
  }
  return { rows, columns, cells: carried }
}

function concatenate(from: Sources<Matrix>): Matrix {
  const rows = from[0].rows
  const columns = from.reduce((sum, matrix) => sum + matrix.columns, 0)
  const cells = new Float64Array(rows * columns)
  for (let row = 0, index = 0; row < rows; row++) {
    for (const matrix of from) {
      cells.set(matrix.cells.subarray(row * matrix.columns, (row + 1) * matrix.columns), index)
      index += matrix.columns
    }
  }
  return { rows, columns, cells }
}

function withoutMissing(shape: MatrixShape): MatrixShape {
  return { ...shape, mayBeMissing: shape.mayBeMissing.map(() => false) }
}

/** The first list that has not one entry per column. */
function uneven(lists: Readonly<Record<string, readonly number[]>>, shape: MatrixShape): { fault: string } | undefined {
  const fault = Object.keys(lists).find((name) => lists[name]?.length !== shape.mayBeMissing.length)
  return fault === undefined ? undefined : { fault }
}

/** A parameter that is not there becomes a missing value, which no tensor may hold. */
function at(list: ArrayLike<number>, index: number): number {
  return list[index] ?? Number.NaN
}
