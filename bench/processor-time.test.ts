import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { processorMs } from './processor-time.ts'

it('counts what a process and its children have worked', async () => {
  const busy =
    'const end = process.cpuUsage().user + 150000; while (process.cpuUsage().user < end); console.log(1); process.stdin.resume()'
  const parent = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(busy)}], { stdio: 'inherit' })`
  const child = spawn(process.execPath, ['-e', parent], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  expect(processorMs(child.pid ?? 0)).toBeGreaterThanOrEqual(150)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.stdin.end()
  await ended
})

it('has no figure of a process that is not there', () => {
  expect(processorMs(2 ** 30)).toBeNaN()
})
