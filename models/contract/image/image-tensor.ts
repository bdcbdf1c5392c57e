import { Refusal } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import type { ImageOp } from './image-schema.ts'
import type { Raster } from './raster.ts'
import type { Room } from './room.ts'
import { areFinite } from './stored-values.ts'

export type TensorStep = Extract<ImageOp, { op: 'image-tensor' }>
type Layout = TensorStep['layout']

/** The sizes of a tensor, with a batch of one in front. */
export function tensorDims<Size>(
  layout: Layout,
  { frames, rows, columns, channels }: Readonly<Record<'frames' | 'rows' | 'columns' | 'channels', Size>>,
): readonly (Size | 1)[] {
  switch (layout) {
    case 'NCHW':
      return [1, channels, rows, columns]
    case 'NHWC':
      return [1, rows, columns, channels]
    case 'NCDHW':
      return [1, channels, frames, rows, columns]
    case 'NDHWC':
      return [1, frames, rows, columns, channels]
  }
}

export function hasFrames(layout: Layout): boolean {
  return layout.includes('D')
}

/**
 * The raster as the model takes it.
 * @throws Refusal image_not_finite; image_value_out_of_range: `uint8`, and a value rounds to none of 0 … 255
 */
export function tensorOf({ layout, dtype }: TensorStep, raster: Raster, room: Room): Tensor {
  if (!areFinite(raster.values)) throw new Refusal('image_not_finite')
  const dims = tensorDims(layout, raster)
  const isInOrder = raster.channels === 1 || !layout.startsWith('NC')
  if (dtype === 'uint8') return { dtype, dims, data: bytesOf(raster, isInOrder) }
  return { dtype, dims, data: isInOrder ? room.keep(raster) : channelsFirst(raster, room.take(raster.values.length)) }
}

function bytesOf(raster: Raster, isInOrder: boolean): Uint8Array {
  for (const value of raster.values) {
    if (value < -0.5 || value >= 255.5) throw new Refusal('image_value_out_of_range')
  }
  const bytes = Uint8Array.from(raster.values, (value) => Math.floor(value + 0.5))
  return isInOrder ? bytes : channelsFirst({ ...raster, values: bytes }, new Uint8Array(bytes.length))
}

function channelsFirst<Values extends Float32Array | Uint8Array>(
  { values, channels }: { readonly values: Values; readonly channels: number },
  out: Values,
): Values {
  const places = values.length / channels
  for (let channel = 0; channel < channels; channel += 1) {
    for (let place = 0; place < places; place += 1) out[channel * places + place] = values[place * channels + channel]!
  }
  return out
}
