import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type ModelStore, modelStore, pointerPath, releasePaths } from '../../models/store/layout.ts'
import { writeSlotPointer } from '../../models/store/pointer.ts'
import { loadingOrder } from './loading-order.ts'

let store: ModelStore

beforeEach(() => {
  store = modelStore(mkdtempSync(join(tmpdir(), 'loading-order-')))
  mkdirSync(store.slots)
})
afterEach(() => rmSync(store.root, { recursive: true, force: true }))

function fill(slot: string, active: string, bytes: number): void {
  const event = '0'.repeat(32)
  writeSlotPointer(store, { v: 1, slot, active, change: 'activate', event, previous: null, by: 'updater' })
  const path = releasePaths(store, active).package
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, Buffer.alloc(bytes))
}

it('a small model does not wait for a large one, whatever they are called', () => {
  fill('densenet', 'a'.repeat(64), 5000)
  fill('news2', 'b'.repeat(64), 10)
  fill('sepsis', 'c'.repeat(64), 200)
  expect(loadingOrder(['densenet', 'news2', 'sepsis'], store)).toEqual(['news2', 'sepsis', 'densenet'])
})

it('what cannot be read is not left out, and keeps nobody waiting', () => {
  fill('large', 'a'.repeat(64), 5000)
  writeFileSync(pointerPath(store, 'broken'), '{')
  expect(loadingOrder(['large', 'broken', 'gone'], store)).toEqual(['broken', 'gone', 'large'])
})
