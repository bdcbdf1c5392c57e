import { type Contract, contractSchema, type ExplanationSpec } from '../../../models/contract/schema.ts'
import type { Tensor, Tensors } from '../../../models/contract/tensor.ts'

/** A small contract on one image and models of arithmetic for it: made up, for tests of what explains an image. */

type MapMethod = 'occlusion' | 'class-activation-map'
type MapSpec<Method extends MapMethod> = Extract<ExplanationSpec, { method: Method }>

export const occlusion: MapSpec<'occlusion'> = {
  method: 'occlusion',
  output: 'level',
  tensor: 'image',
  layout: 'NCHW',
  rows: 2,
  columns: 2,
  fill: 0,
  seed: 1,
  budgetMs: 100,
}

export const activation: MapSpec<'class-activation-map'> = {
  method: 'class-activation-map',
  output: 'level',
  map: 'activation',
  tensor: 'image',
  fill: 0,
  seed: 1,
  budgetMs: 100,
}

/** An image of `size` × `size` as it is; one score of any size. */
export function imageContract(explanation: ExplanationSpec, layout: 'NCHW' | 'NHWC' = 'NCHW', size = 4): Contract {
  return contractSchema.parse({
    inputs: [],
    image: {
      name: 'image',
      display: 'Image',
      form: 'image',
      formats: ['dicom', 'nifti'],
      guards: [],
      observations: [],
      gates: [],
    },
    population: { description: 'Anybody', criteria: [] },
    preprocessing: [
      { op: 'image-values', version: 1, frames: 'only', to: 'values' },
      { op: 'image-unit-range', version: 1, from: 'values', to: 'shares' },
      { op: 'image-grey', version: 1, from: 'shares', to: 'grey' },
      {
        op: 'image-resize',
        version: 1,
        from: 'grey',
        to: 'small',
        rows: size,
        columns: size,
        filter: 'box',
        eightBit: false,
      },
      { op: 'image-tensor', version: 1, from: 'small', tensor: 'image', layout, dtype: 'float32' },
    ],
    postprocessing: [
      { op: 'class-activation-map', version: 1, from: 'features', to: 'activation', weights: [1, -1], relu: false },
    ],
    outputs: [
      {
        role: 'score',
        name: 'level',
        display: 'Level',
        tensor: 'level',
        unit: '1',
        range: { low: -1e6, high: 1e6 },
        decimals: 3,
      },
    ],
    calibration: { method: 'none' },
    threshold: null,
    explanation,
    validityMinutes: 60,
    deadlineMs: 1000,
  })
}

export function floats(dims: readonly number[], values: readonly number[]): Tensor {
  return { dtype: 'float32', dims, data: new Float32Array(values) }
}

/** Each image of a batch as a list of its numbers. */
export function imagesOf(inputs: Tensors): number[][] {
  const { dims = [0], data = new Float32Array() } = inputs.image ?? {}
  const [count = 0, ...sizes] = dims
  const size = sizes.reduce((product, one) => product * one, 1)
  return Array.from({ length: count }, (_, index) =>
    Array.from(data.slice(index * size, (index + 1) * size) as ArrayLike<number>),
  )
}

/** A model that is one weight for each number of the image, and a constant. */
export function linearModel(weights: readonly number[], constant = 0) {
  return async (inputs: Tensors): Promise<Tensors> => {
    const levels = imagesOf(inputs).map((image) =>
      image.reduce((sum, value, index) => sum + value * (weights[index] ?? 0), constant),
    )
    return { level: floats([levels.length, 1], levels) }
  }
}
