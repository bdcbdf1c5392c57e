import { describe, expect, test } from 'vitest'
import type { OutputOp } from '../contract/output-ops/output-schema.ts'
import type { OutputSpec } from '../contract/schema.ts'
import type { ElementType } from '../contract/tensor.ts'
import { changed, hourlyContract } from '../contract/testkit/contracts.ts'
import { GraphBuilder } from '../onnx/graph-builder.ts'
import { readOnnx } from '../onnx/reader.ts'
import { checkGraph } from './graph-check.ts'
import { checkMatch } from './match-check.ts'

function surfaceOf(dims: readonly (number | string)[], dtype: ElementType = 'float32') {
  const graph = new GraphBuilder()
  const input = graph.input('features', [1, 6], 'float32')
  graph.output(graph.node('scores', 'Identity', [input]), dims, dtype)
  return readOnnx(graph.build({ name: 'x', producerVersion: '1.0.0', docString: 'For tests.' }))
}

const argmax: OutputOp = { op: 'argmax', version: 1, from: 'scores', to: 'labels', axis: 1 }
const parts = (tensor: string): OutputSpec => ({
  role: 'segmentation',
  name: 'parts',
  display: 'Parts',
  tensor,
  unit: '1',
  labels: [
    { value: 0, code: 'background', text: 'Background' },
    { value: 1, code: 'lesion', text: 'Lesion' },
  ],
})

function found(postprocessing: OutputOp[], output: OutputSpec, surface: ReturnType<typeof surfaceOf>): string[] {
  const contract = changed(hourlyContract, {
    postprocessing,
    outputs: [output],
    calibration: { method: 'none' },
    threshold: null,
    explanation: { method: 'none', reason: 'a test' },
  })
  return [...checkGraph(surface), ...checkMatch({ contract, memoryBytes: 1e12 }, surface)].map(
    ({ code, about }) => `${code} ${about}`,
  )
}

const volume = [1, 2, 256, 256, 256]

describe('an output that is larger than what comes back', () => {
  test('is none to speak of where a step makes less of it', () => {
    expect(found([argmax], parts('labels'), surfaceOf(volume))).toEqual([])
  })

  test('is named where it would come back itself', () => {
    const tensor = { role: 'tensor', name: 'raw', display: 'Raw', tensor: 'scores', unit: '1' } as const
    const output = { ...tensor, dtype: 'float32', dims: volume } as const
    expect(found([], { ...output, dims: [...volume] }, surfaceOf(volume))).toEqual([
      'onnx_tensor_too_large output scores',
    ])
  })
})

describe('steps and outputs that the graph does not bear', () => {
  test('a step that would write over an output of the model', () => {
    const steps = [argmax, { ...argmax, from: 'labels', to: 'scores' }]
    expect(found(steps, parts('labels'), surfaceOf([1, 2, 8, 8]))).toEqual([
      'contract_inconsistent postprocessing.1.to',
    ])
  })

  test('a step that reads what nobody makes', () => {
    expect(found([{ ...argmax, from: 'logits' }], parts('labels'), surfaceOf([1, 2, 8, 8]))).toEqual([
      'draft_tensor_unknown logits',
    ])
  })

  test('labels of the model itself: a byte each, whatever their sizes', () => {
    expect(found([], parts('scores'), surfaceOf(['N', 8, 8], 'uint8'))).toEqual([])
    expect(found([], parts('scores'), surfaceOf([1, 8, 8], 'int64'))).toEqual([
      'draft_tensor_type scores: uint8 in the contract, int64 in the graph',
    ])
  })
})
