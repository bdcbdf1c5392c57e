import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { findProvider } from '../inference/provider-site.ts'

const WARDSTONE = fileURLToPath(new URL('wardstone.ts', import.meta.url))

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [WARDSTONE, 'device', 'providers', ...args])
  return { code: status, out: stdout.toString(), err: stderr.toString() }
}

describe('wardstone device providers', () => {
  it('says of each what is there and what is missing, with a way to get it', () => {
    const { code, out } = run()
    expect(code).toBe(0)
    expect(out).toMatch(/^cpu: there$/m)
    for (const provider of ['cuda', 'webgpu'] as const) {
      const { isThere, missing } = findProvider(provider)
      expect(out).toContain(`${provider}: ${isThere ? 'there' : 'not there'}\n`)
      for (const { name, remedy } of missing) expect(out).toMatch(`${name}\n           ${remedy}\n`)
    }
  })

  it('tells a script about those that it names', () => {
    const { code, out } = run('cuda', '--json')
    const { isThere } = findProvider('cuda')
    expect(code).toBe(isThere ? 0 : 13)
    expect(JSON.parse(out)).toEqual({ providers: [expect.objectContaining({ provider: 'cuda', isThere })] })
    expect(run('cpu').code).toBe(0)
  })

  it('shows how it is used', () => {
    expect(run('--help')).toMatchObject({ code: 0, out: expect.stringContaining('Exit codes') })
    expect(run('tpu')).toMatchObject({ code: 2, err: expect.stringContaining('Usage') })
    expect(run('--what')).toMatchObject({ code: 2 })
  })
})
