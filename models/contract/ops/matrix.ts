/** Rows × columns, row-major; NaN is a missing value. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly cells: Float64Array
}

/** What is known of a matrix before any patient: its size, and which of its columns can hold a missing value. */
export interface MatrixShape {
  /** How many rows it has; the most it can have where `varies` is there. */
  readonly rows: number
  readonly mayBeMissing: readonly boolean[]
  /** The step that made the number of rows depend on the patient. Matrices of the same step have the same number. */
  readonly varies?: string
}

export type Sources<Item> = readonly [Item, ...Item[]]

/** The step's field that does not fit what it reads. */
export interface ShapeFault {
  readonly fault: string
}

/** One op: what it does, and what it would do, known before any patient. */
export interface Transform<Step> {
  run(step: Step, from: Sources<Matrix>): Matrix
  shape(step: Step, from: Sources<MatrixShape>): MatrixShape | ShapeFault
}

export function mapCells(matrix: Matrix, change: (value: number, column: number) => number): Matrix {
  return { ...matrix, cells: matrix.cells.map((value, index) => change(value, index % matrix.columns)) }
}

/** The first list that has not one entry per column. */
export function uneven(lists: Readonly<Record<string, readonly number[]>>, shape: MatrixShape): ShapeFault | undefined {
  const fault = Object.keys(lists).find((name) => lists[name]?.length !== shape.mayBeMissing.length)
  return fault === undefined ? undefined : { fault }
}

/** What is not there, a cell or a parameter, is a missing value, which no tensor may hold. */
export function at(list: ArrayLike<number>, index: number): number {
  return list[index] ?? Number.NaN
}
