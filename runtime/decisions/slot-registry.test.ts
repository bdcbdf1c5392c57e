import { describe, expect, it } from 'vitest'
import type { ModelWorker } from '../inference/types.ts'
import { SlotRegistry } from './slot-registry.ts'
import { numbered } from './testkit/model-drafts.ts'
import type { ActiveModel } from './types.ts'

/** A model whose worker only remembers whether it was stopped. */
function model(deadlineMs = 60_000): ActiveModel & { readonly stopped: () => boolean } {
  const { manifest } = numbered(1)
  let isStopped = false
  const stop = async () => {
    isStopped = true
  }
  const worker = { stop } as unknown as ModelWorker
  const timed = { ...manifest, contract: { ...manifest.contract, deadlineMs } } as ActiveModel['manifest']
  const packageHash = 'a'.repeat(64)
  return { slot: 'news2', manifest: timed, packageHash, worker, explanationMs: 0, stopped: () => isStopped }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('a slot whose model changes', () => {
  it('gives the new one to whoever comes, and stops the old one when its last lease is back', async () => {
    const [old, next] = [model(), model()]
    const registry = new SlotRegistry([['news2', { state: 'active', model: old }]])
    const [first, second] = [registry.lease('news2'), registry.lease('news2')]
    const drained = registry.swap('news2', next)
    expect(registry.lease('news2').model).toBe(next)
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    await settled()
    expect(old.stopped()).toBe(false)
    second[Symbol.dispose]()
    await drained
    expect([old.stopped(), next.stopped()]).toEqual([true, false])
  })

  it('stops the old one at once when nobody has it', async () => {
    const old = model()
    const registry = new SlotRegistry([['news2', { state: 'active', model: old }]])
    registry.lease('news2')[Symbol.dispose]()
    await registry.swap('news2', model())
    expect(old.stopped()).toBe(true)
  })

  it('waits no longer than any request may take', async () => {
    const old = model(-1900)
    const registry = new SlotRegistry([['news2', { state: 'active', model: old }]])
    registry.lease('news2')
    await registry.swap('news2', model())
    expect(old.stopped()).toBe(true)
  })

  it('keeps what it has when it is given the same again, without its fault', async () => {
    const one = model()
    const registry = new SlotRegistry([['news2', { state: 'active', model: one, fault: 'package_revoked' }]])
    await registry.swap('news2', one)
    expect([one.stopped(), registry.slots.get('news2')]).toEqual([false, { state: 'active', model: one }])
  })
})

it('a lease on what does not decide is refused with what is in the way', () => {
  const registry = new SlotRegistry([
    ['loading', { state: 'loading' }],
    ['broken', { state: 'unavailable', fault: 'package_revoked' }],
  ])
  expect(() => registry.lease('none')).toThrow(expect.objectContaining({ code: 'model_unknown' }))
  expect(() => registry.lease('loading')).toThrow(expect.objectContaining({ code: 'model_loading' }))
  expect(() => registry.lease('broken')).toThrow(
    expect.objectContaining({ code: 'model_unavailable', about: 'package_revoked' }),
  )
})
