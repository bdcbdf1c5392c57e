import { z } from 'zod'
import { finite, MAX_COLUMNS, minutes, name, perColumn } from '../fields.ts'

/** Rows that an op may make or look back on: a fortnight of hours, as `observe` has it. */
const rows = z.int().min(1).max(336)
/** What stands where there is no row: a number, or null for a missing value. */
const beyond = finite.nullable()
const columns = z
  .array(
    z
      .int()
      .min(0)
      .max(MAX_COLUMNS - 1),
  )
  .min(1)
  .max(MAX_COLUMNS)

const base = { version: z.literal(1), from: name, to: name }

/** Ops over series: rows are times, oldest first, columns are inputs or features, NaN is a missing value. */
export const seriesOps = [
  /** One row per span of `minutes` before the decision, oldest first; a cell is what `take` makes of that span's observations. */
  z.strictObject({
    op: z.literal('bins'),
    version: z.literal(1),
    inputs: z.array(name).min(1).max(256),
    minutes,
    count: rows,
    take: z.enum(['latest', 'first', 'mean', 'minimum', 'maximum', 'sum', 'count']),
    to: name,
  }),
  /** Leaves out the rows above the first in which anything was measured; the last row always stays. */
  z.strictObject({ op: z.literal('since-first'), ...base }),
  /** Value − value of the row above; 0 in the first row. */
  z.strictObject({ op: z.literal('difference'), ...base }),
  /** How many rows above each cell its column was last measured; missing where nothing was so far. */
  z.strictObject({ op: z.literal('rows-since'), ...base }),
  /** Natural logarithm of the columns named, the others as they are; what is below `floor` counts as `floor`. */
  z.strictObject({ op: z.literal('logarithm'), ...base, columns, floor: finite.positive() }),
  /** x · factor per column. */
  z.strictObject({ op: z.literal('scale'), ...base, factor: perColumn(finite) }),
  /** These columns, in this order. */
  z.strictObject({ op: z.literal('select'), ...base, columns }),
  /** Each row beside the rows above it: row t, then t − 1 … t − rows + 1; `beyond` where there is no such row. */
  z.strictObject({ op: z.literal('stack'), ...base, rows, beyond }),
  /** What `take` makes of what was measured in each row and the rows above it, `rows` in all. */
  z.strictObject({
    op: z.literal('window'),
    ...base,
    rows,
    take: z.enum(['latest', 'first', 'mean', 'minimum', 'maximum', 'sum', 'count']),
  }),
  /** The last `rows` rows; where there are fewer, rows of `beyond` stand above them. */
  z.strictObject({ op: z.literal('last-rows'), ...base, rows, beyond }),
] as const

export type SeriesOp = z.infer<(typeof seriesOps)[number]>
