import { describe, expect, it } from 'vitest'
import { verifyContract } from '../consistency.ts'
import { type Contract, contractSchema } from '../schema.ts'
import { changed, hourlyContract } from '../testkit/contracts.ts'
import { verifyOutputOps } from './output-consistency.ts'
import type { OutputOp } from './output-schema.ts'
import { modelOutputs, neededTensors, outputSteps } from './output-steps.ts'

type Steps = NonNullable<Contract['postprocessing']>

const softmax: OutputOp = { op: 'softmax', version: 1, from: 'logits', to: 'shares', axis: 1 }
const second: OutputOp = { op: 'pick', version: 1, from: 'shares', to: 'probability', axis: 1, index: 1 }
const labels = [
  { value: 0, code: 'background', text: 'Background' },
  { value: 1, code: 'lesion', text: 'Lesion' },
]
const clean = {
  op: 'connected-components',
  version: 1,
  from: 'classes',
  to: 'map',
  label: 1,
  background: 0,
  axes: 2,
  touch: 'faces',
  keep: 'largest',
} as const
const segmentation = {
  role: 'segmentation',
  name: 'parts',
  display: 'Parts',
  tensor: 'map',
  unit: '1',
  labels,
} as const
const none = { method: 'none', reason: 'a test' } as const

const withSteps = (postprocessing: Steps, change: Partial<Contract> = {}) =>
  changed(hourlyContract, { postprocessing, ...change })
const segmented = (postprocessing: Steps, change: Record<string, unknown> = {}) =>
  contractSchema.parse({
    ...hourlyContract,
    postprocessing,
    outputs: [{ ...segmentation, ...change }],
    calibration: { method: 'none' },
    threshold: null,
    explanation: none,
  })

describe('output ops that fit the contract', () => {
  it.each<[string, Contract]>([
    ['none', hourlyContract],
    ['two that make a probability', withSteps([softmax, second])],
    ['one that an output of the model also uses', withSteps([{ ...second, from: 'logits' }])],
    ['labels that are cleaned', segmented([{ ...softmax, op: 'argmax', to: 'classes' }, clean])],
    ['labels of the model itself', segmented([])],
  ])('%s: hold, alone and in the whole contract', (_what, contract) => {
    expect(() => verifyOutputOps(contract)).not.toThrow()
    expect(() => verifyContract(contract)).not.toThrow()
  })
})

describe('output ops that contradict the contract', () => {
  it.each<[string, Contract]>([
    // Written twice.
    [
      'postprocessing.1.to',
      withSteps([
        { ...second, from: 'a' },
        { ...second, from: 'b' },
      ]),
    ],
    // Read before it is made, or by the op that makes it.
    ['postprocessing.0.from', withSteps([second, softmax])],
    ['postprocessing.0.from', withSteps([{ ...second, from: 'probability' }])],
    // Of no use to anybody.
    ['postprocessing.1.to', withSteps([{ ...second, from: 'logits' }, softmax])],
    ['postprocessing.0.background', segmented([{ ...clean, background: 1 }])],
    // Along the batch in which coalitions are asked.
    ['postprocessing.0.axis', withSteps([{ ...second, from: 'logits', axis: 0 }])],
    ['outputs.parts.tensor', segmented([{ ...softmax, to: 'map' }])],
    ['outputs.parts.labels.value', segmented([], { labels: [labels[0], { ...labels[1], value: 0 }] })],
    ['outputs.parts.labels.code', segmented([], { labels: [labels[0], { ...labels[1], code: 'background' }] })],
  ])('%s', (about, contract) => {
    expect(() => verifyOutputOps(contract)).toThrow(expect.objectContaining({ code: 'contract_inconsistent', about }))
    expect(() => verifyContract(contract)).toThrow(expect.objectContaining({ about }))
  })

  it('an axis may be the first where nothing is asked in batches', () => {
    const alone = withSteps([{ ...second, from: 'logits', axis: 0 }], { explanation: none })
    expect(() => verifyOutputOps(alone)).not.toThrow()
  })

  it('a segmentation bears no threshold', () => {
    const threshold = { output: 'parts', alertAt: 1, clearBelow: 1 }
    expect(() => verifyContract({ ...segmented([]), threshold })).toThrow(
      expect.objectContaining({ about: 'threshold.output' }),
    )
  })
})

describe('what is asked of the model, and what comes back', () => {
  it('is what the outputs and the map of the explanation read', () => {
    const contract = withSteps([softmax, second])
    expect(neededTensors(contract)).toEqual(['probability'])
    expect(outputSteps(contract)).toEqual({ ops: [softmax, second], keep: ['probability'] })
    expect(modelOutputs(outputSteps(contract))).toEqual(['logits'])
    expect(modelOutputs(outputSteps(hourlyContract))).toEqual(['probability'])
  })

  it('has the map of a class activation, and each tensor once', () => {
    const explanation = {
      method: 'class-activation-map',
      output: 'risk',
      map: 'heat',
      tensor: 'image',
      fill: 0,
      seed: 1,
      budgetMs: 100,
    } as const
    const cam: OutputOp = { op: 'class-activation-map', version: 1, from: 'maps', to: 'heat', weights: [1], relu: true }
    const contract = withSteps([softmax, second, cam], {
      explanation,
      outputs: [...hourlyContract.outputs, { ...hourlyContract.outputs[0]!, name: 'again' }],
    })
    expect(neededTensors(contract)).toEqual(['probability', 'heat'])
    expect(modelOutputs(outputSteps(contract))).toEqual(['logits', 'maps'])
  })
})
