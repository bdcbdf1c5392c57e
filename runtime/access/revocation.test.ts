import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import { createRevocationList } from './revocation.ts'

let folder: string
let path: string
const one = 'a'.repeat(64)
const other = 'b'.repeat(64)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-revoked-'))
  path = join(folder, 'revoked.txt')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('knows what is listed, whatever stands around it', () => {
  writeFileSync(path, `# lost on the ward\n  ${one.toUpperCase()}  # monitor 3\n\nnot a fingerprint\n`)
  const isRevoked = createRevocationList(path, new FakeClock())
  expect([isRevoked(one), isRevoked(other)]).toEqual([true, false])
})

it('is read again when the file has changed, a second later at most', () => {
  writeFileSync(path, one)
  const clock = new FakeClock()
  const isRevoked = createRevocationList(path, clock)
  expect(isRevoked(other)).toBe(false)
  writeFileSync(path, `${one}\n${other}\n`)
  clock.advance(1001)
  expect(isRevoked(other)).toBe(true)
})

it('lets nobody pass when the list cannot be read', () => {
  const isRevoked = createRevocationList(path, new FakeClock())
  expect(() => isRevoked(one)).toThrow()
})
