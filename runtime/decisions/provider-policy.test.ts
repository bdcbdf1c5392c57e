import { afterEach, beforeEach, expect, test } from 'vitest'
import type { PackageDraft } from '../../models/package/pack.ts'
import { findProvider } from '../inference/provider-site.ts'
import { reportHealth } from './report.ts'
import { ModelBox } from './testkit/model-box.ts'
import { numbered } from './testkit/model-drafts.ts'

let box: ModelBox
beforeEach(async () => {
  box = await ModelBox.make()
})
afterEach(() => box.remove())

const withPolicy = (providers: PackageDraft['manifest']['providers']) => numbered(2, { providers })

/** What a device with the GPU would run is for its golden vectors to say; the package has no tolerance for it. */
const reasonFor = (provider: 'cuda' | 'webgpu') => (findProvider(provider).isThere ? 'tolerance-missing' : 'missing')

test('a package that prefers what the box has not runs on the processor, and its report says why', async () => {
  const policy: PackageDraft['manifest']['providers'] = [
    { name: 'cuda', need: 'preferred' },
    { name: 'webgpu', need: 'preferred' },
    { name: 'cpu', need: 'required' },
  ]
  box.point(await box.place(withPolicy(policy)))
  await box.start()
  const [model] = reportHealth(box.registry, '0', 0).models
  expect(model?.provider).toMatchObject({
    provider: 'cpu',
    nodes: { cuda: 0, webgpu: 0 },
    passedOver: [
      { provider: 'cuda', reason: reasonFor('cuda') },
      { provider: 'webgpu', reason: reasonFor('webgpu') },
    ],
  })
  expect(model?.provider?.nodes?.cpu).toBeGreaterThan(0)
})

test('a package that requires it is refused with a code, and what decides goes on', async () => {
  const good = await box.place(numbered(1))
  box.point(good)
  await box.start()
  const other = await box.place(
    withPolicy([
      { name: 'cuda', need: 'required' },
      { name: 'cpu', need: 'preferred' },
    ]),
  )
  const code = findProvider('cuda').isThere ? 'inference_self_test_failed' : 'inference_provider_missing'
  await expect(box.prove(other)).rejects.toMatchObject({ code })
  expect(box.standing()).toMatchObject({ state: 'active', package: good })
})
