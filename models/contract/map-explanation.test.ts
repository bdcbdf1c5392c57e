import { describe, expect, it } from 'vitest'
import { imageLayout, verifyExplanation } from './explanation-consistency.ts'
import type { Contract, ExplanationSpec } from './schema.ts'
import type { FedTensor } from './tensor-schema.ts'
import { changed, hourlyContract } from './testkit/contracts.ts'

type Occlusion = Extract<ExplanationSpec, { method: 'occlusion' }>
type Activation = Extract<ExplanationSpec, { method: 'class-activation-map' }>

const fills = { fill: 0, seed: 1, budgetMs: 100 }
const occlusion: Occlusion = {
  method: 'occlusion',
  output: 'risk',
  tensor: 'image',
  layout: 'NCHW',
  rows: 8,
  columns: 8,
  ...fills,
}
const activation: Activation = { method: 'class-activation-map', output: 'risk', map: 'map', tensor: 'image', ...fills }
const image: FedTensor = { dtype: 'float32', dims: [1, 3, 224, 224] }
const features: FedTensor = { dtype: 'float32', dims: [1, 6] }

type TensorStep = Extract<Contract['preprocessing'][number], { op: 'image-tensor' }>

function contractWith(explanation: ExplanationSpec, layout: TensorStep['layout'] = 'NCHW'): Contract {
  return changed(hourlyContract, {
    explanation,
    preprocessing: [
      { op: 'image-values', version: 1, frames: 'only', to: 'values' },
      { op: 'image-tensor', version: 1, from: 'values', tensor: 'image', layout, dtype: 'float32' },
      ...hourlyContract.preprocessing,
    ],
    postprocessing: [
      { op: 'softmax', version: 1, from: 'logits', to: 'shares', axis: -1 },
      { op: 'class-activation-map', version: 1, from: 'features', to: 'map', weights: [1], relu: true },
    ],
  })
}

function verify(contract: Contract, tensors: Readonly<Record<string, FedTensor>> = { image }): () => void {
  return () => verifyExplanation(contract, new Map(Object.entries(tensors)))
}

const inconsistent = (about: string) => expect.objectContaining({ code: 'contract_inconsistent', about })

describe('an explanation by a map', () => {
  it.each([
    ['by covering', occlusion],
    ['by an activation map', activation],
    ['with many images at once', { ...occlusion, batch: 64 }],
  ])('%s that fits its contract is taken', (_, explanation) => {
    expect(verify(contractWith(explanation))).not.toThrow()
  })

  it.each<[string, Partial<Occlusion>, string]>([
    ['an output that is none', { output: 'other' }, 'explanation.output'],
    ['a tensor that is no image', { tensor: 'features' }, 'explanation.tensor'],
    ['a tensor that nobody feeds', { tensor: 'other' }, 'explanation.tensor'],
    ['another layout', { layout: 'NHWC' }, 'explanation.layout'],
    ['a budget beyond the deadline', { budgetMs: 5000 }, 'explanation.budgetMs'],
  ])('with %s is not', (_, change, about) => {
    expect(verify(contractWith({ ...occlusion, ...change }), { image, features })).toThrow(inconsistent(about))
  })

  it.each<[string, Partial<Activation>]>([
    ['nobody makes', { map: 'other' }],
    ['is the output of another op', { map: 'shares' }],
    ['the op reads and does not make', { map: 'features' }],
  ])('whose map %s is not', (_, change) => {
    expect(verify(contractWith({ ...activation, ...change }))).toThrow(inconsistent('explanation.map'))
  })

  it.each<[string, FedTensor]>([
    ['bytes', { ...image, dtype: 'uint8' }],
    ['a volume', { dtype: 'float32', dims: [1, 1, 64, 64, 64] }],
    ['several images', { dtype: 'float32', dims: [4, 3, 224, 224] }],
  ])('of a tensor of %s is not', (_, fed) => {
    for (const explanation of [occlusion, activation])
      expect(verify(contractWith(explanation), { image: fed })).toThrow(inconsistent('explanation.tensor'))
  })

  it('sends several images at once only to a model that takes nothing else', () => {
    for (const explanation of [occlusion, activation]) {
      expect(verify(contractWith(explanation), { image, features })).not.toThrow()
      const many = contractWith({ ...explanation, batch: 2 })
      expect(verify(many, { image, features })).toThrow(inconsistent('explanation.batch'))
    }
  })

  it('has no more places than the image has rows and columns, wherever they lie in the tensor', () => {
    const small = (layout: 'NCHW' | 'NHWC', dims: FedTensor['dims']) =>
      verify(contractWith({ ...occlusion, layout, rows: 4, columns: 9 }, layout), { image: { dtype: 'float32', dims } })
    expect(small('NCHW', [1, 1, 4, 9])).not.toThrow()
    expect(small('NCHW', [1, 9, 3, 9])).toThrow(inconsistent('explanation.rows'))
    expect(small('NCHW', [1, 9, 4, 8])).toThrow(inconsistent('explanation.columns'))
    expect(small('NHWC', [1, 4, 9, 1])).not.toThrow()
    expect(small('NHWC', [1, 3, 9, 9])).toThrow(inconsistent('explanation.rows'))
    expect(small('NHWC', [1, { max: 4 }, { max: 9 }, 1])).not.toThrow()
  })

  it('has an end: places times the numbers of an image', () => {
    const of = (rows: number) =>
      verify(contractWith({ ...occlusion, rows, columns: 25 }), {
        image: { dtype: 'float32', dims: [1, 1, 1000, 1000] },
      })
    expect(of(20)).not.toThrow()
    expect(of(21)).toThrow(inconsistent('explanation.cells'))
  })
})

it.each<[TensorStep['layout'], string | undefined]>([
  ['NCHW', 'NCHW'],
  ['NHWC', 'NHWC'],
  ['NCDHW', undefined],
  ['NDHWC', undefined],
])('an image laid out as %s is of one frame: %s', (layout, expected) => {
  expect(imageLayout(contractWith(activation, layout), 'image')).toBe(expected)
  expect(imageLayout(contractWith(activation, layout), 'features')).toBeUndefined()
})
