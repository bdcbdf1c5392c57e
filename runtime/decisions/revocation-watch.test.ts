import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { silentLog } from '../../device/platform/log.ts'
import { type RevocationWatch, watchRevocation } from './revocation-watch.ts'
import { ModelBox } from './testkit/model-box.ts'
import { numbered } from './testkit/model-drafts.ts'

let box: ModelBox
let watch: RevocationWatch
let one: string

beforeEach(async () => {
  box = await ModelBox.make()
  one = await box.place(numbered(1))
  box.point(one)
  await box.start()
  const { vendor } = box.packages.trust
  watch = watchRevocation({
    image: box.store.image,
    vendor,
    imageVersion: () => box.ledger.store.imageVersion(),
    log: silentLog,
  })
  await watch.look()
})

afterEach(async () => {
  watch.stop()
  await box.remove()
})

const faults = () => watch.faults(box.registry.slots)

it('a release that is revoked while it decides goes on, and health says so', async () => {
  expect(faults()).toEqual([])
  await box.revoke(one)
  await watch.look()
  expect(faults()).toEqual([expect.stringContaining('news2: the vendor has revoked 1.0.1')])
  expect(box.standing()).toMatchObject({ package: one })
  const two = await box.place(numbered(2))
  await box.bring(two)
  expect(faults()).toEqual([])
})

it('targets that are older than those the log knows, or no targets at all, revoke nothing and forget nothing', async () => {
  await box.revoke(one)
  await watch.look()
  writeFileSync(box.store.image, 'nothing that anybody signed')
  await watch.look()
  expect(faults()).toHaveLength(1)
  const identity = { packageHash: one, manifestHash: one, modelId: 'news2', version: '1.0.1', releaseCounter: 1 }
  await box.signImage(1, [{ ...identity, lengthBytes: 1 }])
  await watch.look()
  expect(faults()).toHaveLength(1)
})
