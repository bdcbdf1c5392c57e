import { execFileSync } from 'node:child_process'
import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pointerPath } from '../../models/store/layout.ts'
import { ModelBox } from './testkit/model-box.ts'
import { numbered } from './testkit/model-drafts.ts'

let box: ModelBox

beforeEach(async () => {
  box = await ModelBox.make()
})

afterEach(() => box.remove())

async function running(): Promise<string> {
  const hash = await box.place(numbered(1))
  box.point(hash)
  await box.start()
  return hash
}

describe('a store whose writer is hostile', () => {
  it('cannot hang the runtime with a pipe in the place of a pointer', async () => {
    await running()
    const path = pointerPath(box.store, 'news2')
    rmSync(path)
    execFileSync('mkfifo', [path])
    await expect(box.activation.activate('news2')).rejects.toMatchObject({ code: 'store_pointer_unreadable' })
  }, 10_000)

  it('leads the runtime to no file outside by a link in the place of a pointer', async () => {
    const hash = await running()
    const path = pointerPath(box.store, 'news2')
    box.point(hash)
    const outside = join(box.store.root, 'elsewhere.json')
    renameSync(path, outside)
    symlinkSync(outside, path)
    await expect(box.activation.activate('news2')).rejects.toMatchObject({ code: 'store_pointer_unreadable' })
  })

  it('does not make the log grow by naming what runs anew, under one fresh event after the other', async () => {
    const hash = await running()
    let refused = 0
    for (let round = 0; round < 300; round++) {
      box.point(hash)
      await box.activation.activate('news2').catch(() => refused++)
    }
    expect(refused).toBeGreaterThan(100)
    expect(box.leaves('activated').length).toBeLessThan(200)
  }, 60_000)

  it('takes the thread of the decisions no more often by statements that are large and wrong', async () => {
    const hash = await running()
    writeFileSync(box.store.image, `{"a":[${'"0",'.repeat(20_000)}"0"]}`)
    const codes = new Map<string, number>()
    for (let round = 0; round < 200; round++) {
      const code = await box.prove(hash).then(
        () => 'proven',
        (error: { code: string }) => error.code,
      )
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    expect(codes.get('runtime_changes_limited')).toBeGreaterThan(60)
  }, 60_000)
})

it('a revocation that came with a refused release is known to the log, and older targets are refused from then on', async () => {
  const [one, two] = [await box.place(numbered(1)), await box.place(numbered(2))]
  box.point(one)
  await box.start()
  const before = readFileSync(box.store.image)
  await box.revoke(two)
  const event = 'ab'.repeat(16)
  await box.refusals.record({ event, source: 'usb', code: 'package_revoked', package: two, by: 'engineer' })
  expect(box.leaves('package-refused')).toMatchObject([{ event, imageVersion: 3 }])
  writeFileSync(box.store.image, before)
  await expect(box.prove(two)).rejects.toMatchObject({ code: 'package_metadata_rolled_back' })
})
