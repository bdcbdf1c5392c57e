import { z } from 'zod'

/** Fields that every part of the contract is made of. */

/** A matrix has at most so many columns; consistency.ts limits the cells of all of them together. */
export const MAX_COLUMNS = 4096

export const name = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/)
/** Shown to people as it is: no control, formatting or line-separating character may steer a terminal or a page. */
export const text = z
  .string()
  .min(1)
  .max(2000)
  .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u)
/** Ten years: beyond it a time would leave the range of dates. */
export const minutes = z.int().positive().max(5_256_000)
/** One entry per column. */
export const perColumn = <Item extends z.ZodType>(item: Item) => z.array(item).max(MAX_COLUMNS)
export const finite = z.number().finite()
