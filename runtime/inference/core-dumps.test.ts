import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { limitsAllowCoreDumps } from './core-dumps.ts'

const module = fileURLToPath(new URL('./core-dumps.ts', import.meta.url))

test.each([
  ['0', false],
  ['4096', true],
])('a process whose soft limit is %s answers %s', (soft, allowed) => {
  const code = `import { coreDumpsAllowed } from ${JSON.stringify(module)}; process.stdout.write(String(coreDumpsAllowed()))`
  const node = [process.execPath, '--input-type=module', '--eval', code]
  const { stdout } = spawnSync('prlimit', [`--core=${soft}:`, ...node], { encoding: 'utf8' })
  expect(stdout).toBe(String(allowed))
})

test('a limit that is not there counts as none', () => {
  expect(limitsAllowCoreDumps('')).toBe(true)
  expect(limitsAllowCoreDumps('Max core file size        unlimited            unlimited            bytes \n')).toBe(
    true,
  )
})
