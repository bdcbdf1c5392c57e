import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { ScratchCheckout } from './testkit/scratch-checkout.ts'

/** Says what it was given, counts signals, and takes a while to stop, as a service does. */
const PROGRAM = `
import { writeFileSync } from 'node:fs'
let stops = 0
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    stops += 1
    if (stops > 1) return
    setTimeout(() => {
      writeFileSync(new URL('stopped', import.meta.url), name + ' ' + stops)
      console.log(JSON.stringify({ stopped: name, stops }))
      process.exit(7)
    }, 300)
  })
}
const [what = 'print', value = ''] = process.argv.slice(2)
if (what === 'print') console.log(JSON.stringify({ args: process.argv.slice(2) }))
if (what === 'exit') process.exit(Number(value))
if (what === 'die') process.kill(process.pid, value)
if (what === 'serve') {
  setInterval(() => {}, 1000)
  console.log('ready')
}
`

let checkout: ScratchCheckout
function fresh(): ScratchCheckout {
  checkout = new ScratchCheckout(PROGRAM)
  return checkout
}
afterEach(() => checkout.remove())

describe('setup on a fresh checkout', () => {
  it('leaves standard output to the program alone, also while it installs', async () => {
    const run = await fresh().start(['demo', 'print', '--json']).ended
    expect(run.stdout).toBe('{"args":["print","--json"]}\n')
    expect(run.stderr).toContain('setup: installing 1 packages')
    expect(run.code).toBe(0)
    expect(checkout.npmCalls()).toHaveLength(1)
    expect(checkout.npmCalls()[0]).toContain('ci --ignore-scripts')
  })

  it('installs once, and again only after the lock file has changed', async () => {
    const first = fresh()
    await first.start(['demo']).ended
    const second = await first.start(['demo']).ended
    expect(second.stderr).toBe('')
    expect(first.npmCalls()).toHaveLength(1)
    first.writeLockFile('second')
    await first.start(['demo']).ended
    expect(first.npmCalls()).toHaveLength(2)
  })

  it('keeps what Node has compiled for the next start, beside the packages', async () => {
    const first = fresh()
    await first.start(['demo']).ended
    expect(readdirSync(join(first.root, 'node_modules/.cache/wardstone-compiled'))).not.toEqual([])
  })

  it('accepts what npm has installed by hand from the same lock file', async () => {
    await fresh().start(['demo']).ended
    checkout.pretendInstalledByHand()
    expect((await checkout.start(['demo']).ended).code).toBe(0)
    expect(checkout.npmCalls()).toHaveLength(1)
  })

  it('installs once when two start at the same moment', async () => {
    const starts = [fresh(), checkout, checkout].map((each) => each.start(['demo'], { FAKE_NPM_SECONDS: '1' }).ended)
    const runs = await Promise.all(starts)
    expect(runs.map((run) => run.code)).toEqual([0, 0, 0])
    expect(checkout.npmCalls()).toHaveLength(1)
    expect(runs.filter((run) => run.stderr.includes('waiting for it'))).toHaveLength(2)
  })

  it('lets no second npm in while that of a killed start still works', async () => {
    const killed = fresh().start(['demo'], { FAKE_NPM_SECONDS: '1' })
    while (checkout.npmCalls().length === 0) await sleep(20)
    killed.child.kill('SIGKILL')
    await checkout.start(['demo']).ended
    expect(checkout.npmCalls()).toHaveLength(2)
    expect(checkout.npmCalls()).not.toContain('overlap')
  })
})

describe('setup that cannot install', () => {
  const failures: [code: string, exitCode: number, words: string][] = [
    ['ENOTFOUND', 69, 'cannot be reached'],
    ['ECONNREFUSED', 69, 'cannot be reached'],
    ['ENOSPC', 73, 'the disk is full'],
    ['EACCES', 77, 'may not write here'],
    ['EUSAGE', 65, 'do not agree'],
    ['EINTEGRITY', 65, 'do not agree'],
    ['E_STRANGE', 70, 'npm failed (E_STRANGE)'],
  ]
  it.each(failures)('says what %s means and ends with %i', async (code, exitCode, words) => {
    const run = await fresh().start(['demo'], { FAKE_NPM_CODE: code }).ended
    expect(run.code).toBe(exitCode)
    expect(run.stderr).toContain(words)
    expect(run.stderr).toContain(`npm error code ${code}`)
    expect(run.stdout).toBe('')
  })

  it('tries again after a failure', async () => {
    await fresh().start(['demo'], { FAKE_NPM_CODE: 'ENOTFOUND' }).ended
    expect((await checkout.start(['demo']).ended).code).toBe(0)
  })

  it('says how to get npm where there is none', async () => {
    const run = await fresh().start(['demo'], { PATH: join(checkout.root, 'bin-without-npm') }).ended
    expect(run.code).toBe(69)
    expect(run.stderr).toContain('apt-get install npm')
  })

  it('names its commands when it is given none it knows', async () => {
    for (const args of [[], ['constructor'], ['dmeo']]) {
      const run = await fresh().start(args).ended
      expect(run.code).toBe(64)
      expect(run.stderr).toContain('demo|test|bench|soak|check|wardstone')
      checkout.remove()
    }
  })

  it('stops npm and itself on a signal, and says so', async () => {
    const started = fresh().start(['demo'], { FAKE_NPM_SECONDS: '1' })
    while (checkout.npmCalls().length === 0) await sleep(20)
    started.child.kill('SIGINT')
    const run = await started.ended
    expect(run.signal).toBe('SIGINT')
    expect(run.stderr).toContain('installation stopped')
  })

  const pretend = (target: string, name: string, value: string) => [
    '--import',
    `data:text/javascript,Object.defineProperty(${target},'${name}',{value:${value}})`,
  ]
  it('refuses an old Node, another processor and another system in words', async () => {
    const old = await fresh().start(['demo'], {}, pretend('process', 'versions', '{node:"18.20.0"}')).ended
    expect([old.code, old.stderr]).toEqual([78, expect.stringContaining('Node 18.20.0 is too old')])
    const arm = await checkout.start(['demo'], {}, pretend('process', 'arch', '"arm64"')).ended
    expect([arm.code, arm.stderr]).toEqual([78, expect.stringContaining('this is linux arm64')])
    const mac = await checkout.start(['demo'], {}, pretend('process', 'platform', '"darwin"')).ended
    expect([mac.code, mac.stderr]).toEqual([78, expect.stringContaining('this is darwin x64')])
    expect(checkout.npmCalls()).toEqual([])
  })

  it('refuses a damaged lock file before npm runs', async () => {
    writeFileSync(join(fresh().root, 'package-lock.json'), '{"packages":')
    const run = await checkout.start(['demo']).ended
    expect(run.code).toBe(65)
    expect(checkout.npmCalls()).toEqual([])
  })
})

describe('setup around a running program', () => {
  it.each([0, 1, 42])('ends with exit code %i when the program does', async (code) => {
    expect((await fresh().start(['demo', 'exit', String(code)]).ended).code).toBe(code)
  })

  it('ends by the signal that ended the program', async () => {
    expect((await fresh().start(['demo', 'die', 'SIGKILL']).ended).signal).toBe('SIGKILL')
  })

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'passes %s on exactly once, though terminal and npm both send it, and waits',
    async (signal) => {
      const started = fresh().start(['demo', 'serve'])
      await started.printed('ready')
      process.kill(-(started.child.pid ?? 0), signal) // the terminal: everyone in the group
      started.child.kill(signal) // npm: once more
      const run = await started.ended
      expect(run.stdout).toBe(`ready\n${JSON.stringify({ stopped: signal, stops: 1 })}\n`)
      expect(run.code).toBe(7)
    },
  )

  it('asks the program to stop when it is itself killed outright', async () => {
    const started = fresh().start(['demo', 'serve'])
    await started.printed('ready')
    started.child.kill('SIGKILL')
    const run = await started.ended // standard output closes only when the program has ended
    expect(run.signal).toBe('SIGKILL')
    // Once for each thread that dies, so a program must take repeated signals as one.
    expect(readFileSync(join(checkout.root, 'demo/bin/stopped'), 'utf8')).toMatch(/^SIGTERM \d+$/)
  })
})
