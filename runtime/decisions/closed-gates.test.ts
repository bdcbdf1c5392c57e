import { describe, expect, it } from 'vitest'
import type { Contract } from '../../models/contract/schema.ts'
import { closedGates } from './closed-gates.ts'
import { ImageBench, imageContract } from './testkit/image-bench.ts'
import type { Slot, Slots } from './types.ts'

const gates = [{ model: 'gate', output: 'finding', low: 0.5, high: 1, reason: 'not a frontal chest radiograph' }]
const asked = new ImageBench(imageContract(gates)).model

function beside(gate: Slot | undefined): Slots {
  const own = ['radiograph', { state: 'active', model: asked }] as const
  return new Map<string, Slot>(gate === undefined ? [own] : [own, ['gate', gate]])
}
const active = (contract: Contract): Slot => ({ state: 'active', model: new ImageBench(contract).model })
const withoutInputs = imageContract([], { inputs: [], population: { description: 'All.', criteria: [] } })
/** The file answers no input. */
const unanswering = { ...withoutInputs.image!, observations: [] }
const { image: _none, ...tabular } = imageContract()

describe('a gate that can let nothing pass', () => {
  it.each<[string, Slot | undefined]>([
    ['before an empty slot', undefined],
    ['before a model that does not run', { state: 'unavailable', fault: 'package_unreadable' }],
    ['before a model that takes no image', active(tabular as Contract)],
    ['of another output', active({ ...withoutInputs, outputs: [{ ...withoutInputs.outputs[0]!, name: 'other' }] })],
    ['before a model that wants an input besides', active({ ...imageContract(), image: unanswering })],
  ])('%s is found before anybody asks', (_name, slot) => {
    expect(closedGates(asked, beside(slot))).toEqual(['gate'])
  })

  it('is none where the other model answers, also by what the file says of the patient', () => {
    expect(closedGates(asked, beside(active(imageContract())))).toEqual([])
    expect(closedGates(asked, beside({ state: 'loading' }))).toEqual([])
    expect(closedGates(asked, beside(active({ ...withoutInputs, image: unanswering })))).toEqual([])
  })

  it('is none of a model without gates, or without an image', () => {
    expect(closedGates(new ImageBench().model, new Map())).toEqual([])
    expect(closedGates(new ImageBench(tabular as Contract).model, new Map())).toEqual([])
  })
})
