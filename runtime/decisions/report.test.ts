import { describe, expect, it } from 'vitest'
import type { WorkerState } from '../inference/types.ts'
import { reportHealth, summariseModels } from './report.ts'
import { ImageBench } from './testkit/image-bench.ts'

describe('what a sender is told of a model', () => {
  it('which image it takes', () => {
    const { model } = new ImageBench()
    const slots = new Map([['radiograph', { state: 'active' as const, model }]])
    const [summary] = summariseModels({ slots, candidate: undefined })
    const { name, display, form, formats } = model.manifest.contract.image!
    expect(summary?.image).toEqual({ name, display, form, formats })
  })

  it('that it takes none, or that nothing runs', () => {
    const { model } = new ImageBench()
    const { image: _, ...contract } = model.manifest.contract
    const without = { ...model, manifest: { ...model.manifest, contract } }
    const slots = new Map([
      ['tabular', { state: 'active' as const, model: without }],
      ['empty', { state: 'unavailable' as const, fault: 'package_unreadable' }],
    ])
    expect(summariseModels({ slots, candidate: undefined }).map(({ image }) => image)).toEqual([null, null])
  })
})

describe('whether the box can decide', () => {
  it.each<[WorkerState, boolean]>([
    ['ready', true],
    ['busy', true],
    ['unloaded', true],
    ['starting', false],
    ['waiting-to-restart', false],
    ['stopped', false],
  ])('with one model whose worker is %s: %s', (state, expected) => {
    const { model } = new ImageBench()
    const worker = { ...model.worker, status: () => ({ ...model.worker.status(), state }) }
    const slots = new Map([['radiograph', { state: 'active' as const, model: { ...model, worker } }]])
    expect(reportHealth({ slots }, '1.0.0', 0).status !== 'unavailable').toBe(expected)
  })
})
