import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { acquireInstanceLock } from './instance-lock.ts'

const directory = mkdtempSync(join(tmpdir(), 'lock-'))
const path = join(directory, 'instance.lock')
const holder = fileURLToPath(new URL('./testkit/hold-lock.ts', import.meta.url))
const locked = expect.objectContaining({ code: 'storage_locked' })

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('a second holder in the same process is refused, and does not loosen the first', () => {
  const lock = acquireInstanceLock(path)
  expect(() => acquireInstanceLock(path)).toThrow(locked)
  expect(() => acquireInstanceLock(path)).toThrow(locked)
  lock.release()
  acquireInstanceLock(path).release()
  expect(readdirSync(directory)).toEqual(['instance.lock'])
})

test('another process is refused while the holder lives, and not after kill -9', async () => {
  const child = spawn(process.execPath, ['--expose-gc', holder, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const attempt = () => acquireInstanceLock(path)
  try {
    expect(attempt).toThrow(locked)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  acquireInstanceLock(path).release()
})

test('the lock of this process holds against another one', async () => {
  const lock = acquireInstanceLock(path)
  const child = spawn(process.execPath, [holder, path], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (part) => {
    said += String(part)
  })
  const [code] = await once(child, 'close')
  expect(code).not.toBe(0)
  expect(said).toContain('storage_locked')
  lock.release()
})

test('a place where no file can be made is named', () => {
  expect(() => acquireInstanceLock(join(directory, 'no/such/lock'))).toThrow(
    expect.objectContaining({ code: 'storage_unreadable' }),
  )
})
