import type { ImageOp } from './image/image-schema.ts'
import { at, type Matrix, type MatrixShape, mapCells, type Sources, type Transform, uneven } from './ops/matrix.ts'
import { seriesTransforms } from './ops/series.ts'
import type { PreprocessingOp } from './schema.ts'

type Ops = { [Op in PreprocessingOp as Op['op']]: Op }
/** Steps on images are elsewhere: they run where the image is decoded. */
export type TransformName = Exclude<keyof Ops, 'observe' | 'bins' | 'pass' | 'tensor' | ImageOp['op']>
/** The ops between the first matrix and the tensor: `TransformStep<'fill'>` is one of them, `TransformStep` any. */
export type TransformStep<Name extends TransformName = TransformName> = { [Key in Name]: Ops[Key] & { op: Key } }[Name]

type Transforms = { readonly [Name in TransformName]: Transform<TransformStep<Name>> }

const transforms: Transforms = {
  'carry-forward': {
    run: (_step, [matrix]) => carryForward(matrix),
    shape: (_step, [shape]) => shape,
  },
  'last-row': {
    run: (_step, [{ rows, columns, cells }]) => ({ rows: 1, columns, cells: cells.slice((rows - 1) * columns) }),
    shape: (_step, [{ mayBeMissing }]) => ({ rows: 1, mayBeMissing }),
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
      from.every((shape) => shape.rows === from[0].rows && shape.varies === from[0].varies)
        ? { ...from[0], mayBeMissing: from.flatMap((shape) => shape.mayBeMissing) }
        : { fault: 'from' },
  },
  ...seriesTransforms,
}

export function runTransform<Name extends TransformName>(step: TransformStep<Name>, from: Sources<Matrix>): Matrix {
  return transforms[step.op].run(step, from)
}

export function transformShape<Name extends TransformName>(step: TransformStep<Name>, from: Sources<MatrixShape>) {
  return transforms[step.op].shape(step, from)
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
