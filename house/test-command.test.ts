import { describe, expect, it } from 'vitest'
import {
  ensureSystemPackages,
  type SystemPackage,
  type SystemTools,
  systemPackages,
} from '../scripts/system-packages.ts'
import { judgeLeftOut, tally } from '../scripts/vitest-report.ts'

const file = (status: string, ...tests: string[]) => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((each, index) => ({ status: each, fullName: `test ${index}` })),
})

describe('counting what vitest reports', () => {
  it('counts passed and failed tests and names what was left out', () => {
    const report = { testResults: [file('passed', 'passed', 'passed', 'skipped'), file('failed', 'failed', 'todo')] }
    expect(tally(report, 1)).toEqual({ passed: 2, failed: 1, leftOut: ['test 2', 'test 1'] })
  })

  it('counts a file that could not be loaded', () => {
    expect(tally({ testResults: [file('failed'), file('passed', 'passed')] }, 1).failed).toBe(1)
  })

  it('counts a failure that belongs to no test, and a vitest that ended without a report', () => {
    expect(tally({ testResults: [file('passed', 'passed')] }, 1).failed).toBe(1)
    expect(tally(undefined, 0).failed).toBe(1)
    expect(tally(undefined, 137).failed).toBe(1)
  })

  it('says in one line what is left out without the outside inputs, and fails on it with them', () => {
    expect(judgeLeftOut(['a', 'b'], false)).toEqual({
      line: 'shared data not found: 2 tests on outside inputs left out',
      failed: 0,
    })
    expect(judgeLeftOut([], true)).toEqual({ failed: 0 })
    expect(judgeLeftOut(['a', 'b'], true).failed).toBe(2)
  })
})

describe('Debian packages for tests', () => {
  const needed: SystemPackage[] = [
    { name: 'bubblewrap', command: 'bwrap', why: 'walls' },
    { name: 'curl', command: 'curl', why: 'calls' },
  ]

  /** A machine on which apt-get puts the missing command in place, or does not; it notes what was run. */
  function machine(has: string[], options: Partial<SystemTools> & { aptWorks?: boolean } = {}) {
    const commands = new Set(has)
    const ran: string[] = []
    const tools: SystemTools = {
      isOnPath: (command) => commands.has(command),
      run: (program, args) => {
        ran.push([program, ...args].join(' '))
        if (args.includes('install') && options.aptWorks === true) commands.add('bwrap')
        return args.includes('install') && options.aptWorks !== true ? 100 : 0
      },
      isRoot: true,
      say: () => {},
      ...options,
    }
    return { tools, ran }
  }

  it('asks for nothing when all are there', () => {
    const { tools, ran } = machine(['bwrap', 'curl'])
    expect(ensureSystemPackages(needed, tools)).toBeUndefined()
    expect(ran).toEqual([])
  })

  it('installs only what is missing, as root', () => {
    const { tools, ran } = machine(['curl', 'apt-get'], { aptWorks: true })
    expect(ensureSystemPackages(needed, tools)).toBeUndefined()
    expect(ran).toEqual(['env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends bubblewrap'])
  })

  it('uses sudo only where it asks for no password', () => {
    const open = machine(['curl', 'apt-get', 'sudo'], { aptWorks: true, isRoot: false })
    expect(ensureSystemPackages(needed, open.tools)).toBeUndefined()
    expect(open.ran[1]).toContain('sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install')
    const closed = machine(['curl', 'apt-get', 'sudo'], { isRoot: false, run: () => 1 })
    expect(ensureSystemPackages(needed, closed.tools)).toContain(
      'apt-get install -y --no-install-recommends bubblewrap',
    )
  })

  it('fetches package lists when the first try fails, then says the exact command', () => {
    const { tools, ran } = machine(['curl', 'apt-get'], { aptWorks: false })
    expect(ensureSystemPackages(needed, tools)).toBe(
      'sudo apt-get update && sudo apt-get install -y --no-install-recommends bubblewrap',
    )
    expect(ran.map((line) => line.split(' ')[3])).toEqual(['install', 'update', 'install'])
  })

  it('says what every package is for', () => {
    expect(
      systemPackages.filter((entry) => entry.why.length < 10 || entry.name === '' || entry.command === ''),
    ).toEqual([])
  })
})
