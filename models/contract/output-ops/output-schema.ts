import { z } from 'zod'
import { finite } from '../fields.ts'

const tensor = z.string().min(1).max(64)
const step = { version: z.literal(1), from: tensor, to: tensor }
const axis = z.int().min(-8).max(7)
const label = z.int().min(0).max(255)

/**
 * Ops on the model's outputs, run where the model runs, in order: each reads an output of the model, or what an earlier op
 * made, and writes a tensor under a new name. Of a batch, each row is on its own.
 */
export const outputOps = [
  /** exp(x − max) / Σ, along the axis; negative axes count from the last. */
  z.strictObject({ op: z.literal('softmax'), ...step, axis }),
  /** 1 / (1 + exp(−x)) */
  z.strictObject({ op: z.literal('sigmoid'), ...step }),
  /** Logits divided by the temperature (Guo et al. 2017). */
  z.strictObject({ op: z.literal('temperature'), ...step, temperature: finite.positive() }),
  /** One place along the axis, which disappears: the probability of one class. */
  z.strictObject({ op: z.literal('pick'), ...step, axis, index: z.int().min(0).max(65_535) }),
  /** The place of the largest along the axis, which disappears; of equals the first. uint8 up to 256 places, else int32. */
  z.strictObject({ op: z.literal('argmax'), ...step, axis }),
  /**
   * Of the connected regions of one label, keeps the largest, or those of at least so many elements; the others become
   * `background`. Elements touch by their faces (`faces`) or at any corner (`corners`); the last two or three axes are space.
   */
  z.strictObject({
    op: z.literal('connected-components'),
    ...step,
    label,
    background: label,
    axes: z.union([z.literal(2), z.literal(3)]),
    touch: z.enum(['faces', 'corners']),
    keep: z.union([
      z.literal('largest'),
      z.strictObject({
        atLeast: z
          .int()
          .min(1)
          .max(2 ** 31 - 1),
      }),
    ]),
  }),
  /**
   * Σ over channels of weight × feature map [N, C, rows, columns] (Zhou et al. 2016), for the class whose weights these are;
   * with `relu` only what speaks for it. [N, rows, columns].
   */
  z.strictObject({
    op: z.literal('class-activation-map'),
    ...step,
    weights: z.array(finite).min(1).max(4096),
    relu: z.boolean(),
  }),
] as const

export const outputOp = z.discriminatedUnion('op', outputOps)
export type OutputOp = z.infer<typeof outputOp>
export type OpOf<Name extends OutputOp['op']> = Extract<OutputOp, { op: Name }>
