import { describe, expect, test } from 'vitest'
import { PackageError } from '../../models/package/errors.ts'
import { InferenceError } from './errors.ts'
import { chooseProvider, type ProviderPolicy } from './provider-choice.ts'
import type { MissingPart } from './provider-site.ts'
import type { ProviderName, ProviderOrder } from './types.ts'

const tolerance = { cpu: 0, cuda: 1e-4, webgpu: 1e-4 }
const part = (name: string): MissingPart => ({ what: 'library', name, remedy: 'Install it.' })

function policy(...names: readonly `${ProviderName} ${'required' | 'preferred'}`[]): ProviderPolicy {
  const providers = names.map((text) => {
    const [name, need] = text.split(' ') as [ProviderName, 'required' | 'preferred']
    return { name, need }
  })
  return { providers, tolerance }
}

/** Walks a policy on a machine that lacks some providers; `faults` is what an attempt with a provider fails with. */
async function walk(
  rules: ProviderPolicy,
  missing: readonly ProviderName[] = [],
  faults: Partial<Record<ProviderName, Error>> = {},
) {
  const tried: ProviderName[] = []
  const find = (name: ProviderName) =>
    missing.includes(name)
      ? { isThere: false, missing: [part('libone.so'), part('two')] }
      : { isThere: true, missing: [] }
  const attempt = async (order: ProviderOrder) => {
    tried.push(order.provider)
    const fault = faults[order.provider]
    if (fault !== undefined) throw fault
    return order
  }
  const order = await chooseProvider(rules, find, attempt).catch((error: unknown) => error)
  return { order, tried }
}

const refusedSession = new InferenceError('inference_load_failed', { about: 'session' })
const differs = new InferenceError('inference_self_test_failed', { about: 'a pulse of 200' })

describe('a policy is walked in its order', () => {
  test('the first that is there and fit is taken, and nothing after it is asked for', async () => {
    const { order, tried } = await walk(policy('cuda preferred', 'cpu required'), ['webgpu'])
    expect(order).toEqual({ provider: 'cuda', allowsCpu: true, passedOver: [] })
    expect(tried).toEqual(['cuda'])
  })

  test('a preferred one that is missing is passed over, and what it lacks is said', async () => {
    const { order, tried } = await walk(policy('cuda preferred', 'webgpu preferred', 'cpu required'), [
      'cuda',
      'webgpu',
    ])
    const [about, reason] = ['libone.so, two', 'missing']
    const passedOver = [
      { provider: 'cuda', reason, about },
      { provider: 'webgpu', reason, about },
    ]
    expect(order).toEqual({ provider: 'cpu', allowsCpu: true, passedOver })
    expect(tried).toEqual(['cpu'])
  })

  test('a required one that is missing refuses the package, whatever comes after it', async () => {
    const { order, tried } = await walk(policy('cuda required', 'cpu preferred'), ['cuda'])
    expect(order).toMatchObject({ code: 'inference_provider_missing', about: 'cuda: libone.so, two' })
    expect(tried).toEqual([])
  })

  test('when none of those preferred is there, the package is refused', async () => {
    const { order } = await walk(policy('cuda preferred', 'webgpu preferred'), ['cuda', 'webgpu'])
    expect(order).toMatchObject({ code: 'inference_provider_missing', about: 'webgpu: libone.so, two' })
  })

  test('the processor may fill in for a provider only when the policy names it', async () => {
    expect((await walk(policy('cuda preferred', 'webgpu preferred'))).order).toMatchObject({ allowsCpu: false })
    expect((await walk(policy('cuda required', 'cpu preferred'))).order).toMatchObject({ allowsCpu: true })
  })
})

describe('a provider that is there and not fit', () => {
  test.each([
    ['refuses the session', refusedSession, 'session-refused', 'session'],
    [
      'takes its process along',
      new InferenceError('inference_load_failed', { about: 'SIGSEGV' }),
      'session-refused',
      'SIGSEGV',
    ],
    ['runs no node', new InferenceError('inference_load_failed', { about: 'nodes' }), 'takes-no-node', 'nodes'],
    ['differs from the golden vectors', differs, 'golden-vectors-differ', 'a pulse of 200'],
    [
      'differs from a vector that is called as it is',
      new InferenceError('inference_self_test_failed', { about: 'cuda' }),
      'golden-vectors-differ',
      'cuda',
    ],
  ])('%s: the next one is tried, once', async (_, fault, reason, about) => {
    const { order, tried } = await walk(policy('cuda preferred', 'cpu required'), [], { cuda: fault })
    expect(order).toMatchObject({ provider: 'cpu', passedOver: [{ provider: 'cuda', reason, about }] })
    expect(tried).toEqual(['cuda', 'cpu'])
  })

  test('is not tried when the package has no tolerance for it', async () => {
    const unmeasured = { ...policy('webgpu preferred', 'cpu required'), tolerance: { cpu: 0 } }
    const { order, tried } = await walk(unmeasured)
    expect(order).toMatchObject({ passedOver: [{ provider: 'webgpu', reason: 'tolerance-missing', about: 'webgpu' }] })
    expect(tried).toEqual(['cpu'])
  })

  test('and required, or the last, refuses the package with its own fault', async () => {
    expect((await walk(policy('cuda required', 'cpu preferred'), [], { cuda: differs })).order).toBe(differs)
    expect((await walk(policy('cuda preferred', 'cpu preferred'), ['cuda'], { cpu: differs })).order).toBe(differs)
  })
})

test.each([
  [
    'a package that cannot be decrypted',
    new InferenceError('inference_load_failed', { about: 'decrypt', cause: new PackageError('package_hash_mismatch') }),
  ],
  ['a model that reads files', new InferenceError('inference_load_failed', { about: 'external data' })],
  ['a box that stops', new InferenceError('inference_load_failed', { about: 'stopped' })],
  ['a fault of our own', new RangeError()],
])('%s is not tried on another provider', async (_, fault) => {
  const { order, tried } = await walk(policy('cuda preferred', 'cpu required'), [], { cuda: fault })
  expect(order).toBe(fault)
  expect(tried).toEqual(['cuda'])
})
