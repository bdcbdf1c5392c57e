import type { ImageOp } from '../contract/image/image-schema.ts'

export const CHEST_QC_VERSION = '1.0.0'

/** Rows and columns that the network takes. */
export const CHEST_QC_SIDE = 128

/**
 * From the stored values to the network's input: grey as it is shown, stretched to a square, least and greatest to −1 and 1.
 * @param side training takes the pictures larger, and moves them before it makes them small
 */
export function chestQcSteps(side: number): ImageOp[] {
  return [
    { op: 'image-values', version: 1, frames: 'only', to: 'stored' },
    { op: 'image-rescale', version: 1, from: 'stored', to: 'rescaled' },
    { op: 'image-voi', version: 1, from: 'rescaled', to: 'shown', none: 'min-max' },
    { op: 'image-as-monochrome2', version: 1, from: 'shown', to: 'white-high' },
    { op: 'image-grey', version: 1, from: 'white-high', to: 'grey' },
    {
      op: 'image-resize',
      version: 1,
      from: 'grey',
      to: 'small',
      rows: side,
      columns: side,
      filter: 'bilinear',
      eightBit: false,
    },
    { op: 'image-min-max', version: 1, from: 'small', to: 'level', low: 0, high: 1 },
    { op: 'image-normalise', version: 1, from: 'level', to: 'normal', mean: [0.5], sd: [0.5] },
    { op: 'image-tensor', version: 1, from: 'normal', tensor: 'image', layout: 'NCHW', dtype: 'float32' },
  ]
}
