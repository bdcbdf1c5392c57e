import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ChannelServer, channelMethod, serveChannel } from '../../device/platform/channel.ts'
import { silentLog } from '../../device/platform/log.ts'
import {
  activateReleaseRequest,
  installRequest,
  type JobAnswer,
  jobRequest,
  type ListAnswer,
  listRequest,
  type ReleaseSummary,
  removeRequest,
  rollbackRequest,
} from '../../models/store/control-channel.ts'
import { ControlError } from '../../models/store/control-errors.ts'
import { modelActivateCommand, modelRemoveCommand, modelRollbackCommand } from './model-change-commands.ts'
import type { ModelIo } from './model-client.ts'
import { modelInstallCommand } from './model-install-command.ts'
import { modelJobsCommand, modelListCommand } from './model-list-commands.ts'

const JOB = '0123456789abcdef'
const release = (version: string, byte: string): ReleaseSummary => ({
  ...{ package: byte.repeat(32), model: 'sample', version, counter: 1, sizeBytes: 2_400_000 },
  ...{ grantExpires: '2031-01-01T00:00:00Z', revoked: false },
})
const one = release('1.0.0', '1a')
const two = release('2.0.0', '2b')
const three = { ...release('3.0.0', '3c'), revoked: true }

const job = (changes: Partial<JobAnswer>): JobAnswer => ({
  ...{ job: JOB, state: 'running', kind: 'install', source: 'directory', step: 'fetch', waiting: null, bytes: 0 },
  ...{ totalBytes: null, slot: 'sample', package: two.package, version: '2.0.0', code: null, message: null },
  ...{ startedAt: '2030-01-01T00:00:00.000Z', endedAt: null },
  ...changes,
})
const list: ListAnswer = {
  slots: [
    {
      ...{ slot: 'sample', package: two.package, active: two, previous: one },
      ...{ state: 'active', running: two.package, fault: null },
    },
  ],
  staged: [three],
  jobs: [job({ step: 'prove', waiting: 'runtime' }), job({ state: 'failed', code: 'fetch_disk_full' })],
}

let folder: string
let server: ChannelServer | undefined
let asked: unknown[]
let story: JobAnswer[]
let listed: ListAnswer
let said: { out: string; err: string }
let interrupt: AbortController

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'model-'))
  writeFileSync(
    join(folder, 'updater.json'),
    JSON.stringify({ control: { socket: 'own/control.sock', access: 'group' } }),
  )
  asked = []
  story = []
  listed = list
  said = { out: '', err: '' }
  interrupt = new AbortController()
  await serve()
})

afterEach(async () => {
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** An updater that answers as the story goes. */
async function serve(): Promise<void> {
  const next = () => ({ ...(story.length > 1 ? story.shift() : story[0]) }) as Record<string, string>
  const take = (method: string) => (request: object) => {
    asked.push({ method, ...request })
    return next()
  }
  const handlers = {
    install: channelMethod(installRequest, take('install')),
    activate: channelMethod(activateReleaseRequest, take('activate')),
    rollback: channelMethod(rollbackRequest, () => {
      throw new ControlError('control_rollback_empty')
    }),
    cancel: channelMethod(jobRequest, take('cancel')),
    job: channelMethod(jobRequest, next),
    remove: channelMethod(removeRequest, (request) => {
      asked.push({ method: 'remove', ...request })
      return { package: request.package }
    }),
    list: channelMethod(listRequest, () => structuredClone(listed) as never),
  }
  server = await serveChannel({ path: join(folder, 'own', 'control.sock'), handlers, log: silentLog })
}

function io(isTTY = false): ModelIo {
  const stdout = { write: (text: string) => (said.out += text) }
  const stderr = { write: (text: string) => (said.err += text), isTTY }
  return { stdout, stderr, account: 'engineer', pause: async () => {}, interrupted: interrupt.signal }
}

const fetching = job({ bytes: 1_200_000, totalBytes: 2_400_000 })
const proving = job({ step: 'prove', bytes: 2_400_000, totalBytes: 2_400_000 })
const done = job({ state: 'done', step: 'prune', endedAt: '2030-01-01T00:01:00.000Z' })
const failed = job({
  state: 'failed',
  step: 'prove',
  code: 'inference_self_test_failed',
  message: 'The runtime refused.',
})

describe('wardstone model install', () => {
  it('asks for a folder by its whole path, in the name of the account, and tells what happens', async () => {
    story = [fetching, job({ step: 'stage', waiting: 'turn' }), proving, proving, done]
    expect(await modelInstallCommand(['release'], folder, io())).toBe(0)
    const source = { kind: 'directory', path: join(process.cwd(), 'release') }
    expect(asked).toEqual([{ method: 'install', source, name: null, activate: true, by: 'engineer' }])
    expect(said.err).toBe('fetching 1.2 MB of 2.4 MB (50 %)\nwaiting for another job\nproving on this device\n')
    expect(said.out).toBe('sample 2.0.0 runs. 1.0.0 is kept; to go back: wardstone model rollback sample\n')
  })

  it('rewrites one line on a terminal, and takes it away at the end', async () => {
    story = [fetching, proving, done]
    expect(await modelInstallCommand(['release'], folder, io(true))).toBe(0)
    expect(said.err).toBe('\rfetching 1.2 MB of 2.4 MB (50 %)\u001b[K\rproving on this device\u001b[K\r\u001b[K')
  })

  it('gives every change as JSON, a line each, and no other words', async () => {
    story = [fetching, fetching, proving, done]
    expect(await modelInstallCommand(['release', '--json'], folder, io())).toBe(0)
    const lines = said.out.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([fetching, proving, done])
    expect(said.err).toBe('')
  })

  it('says why it failed, and what to do', async () => {
    story = [proving, failed]
    expect(await modelInstallCommand(['release'], folder, io())).toBe(1)
    expect(said.err).toMatch(
      /^Failed at step prove: The model does not reproduce its golden .*\[inference_self_test_failed\]$/m,
    )
    expect(said.err).toMatch(/^What to do: do not use this release/m)
    expect(said.out).toBe('')
  })

  it('left by its operator leaves the job, and says how to look', async () => {
    story = [proving]
    const pause = async () => interrupt.abort()
    expect(await modelInstallCommand(['release'], folder, { ...io(), pause })).toBe(130)
    expect(said.err).toContain(`wardstone model jobs ${JOB} --follow`)
  })

  it('does not wait where that is asked', async () => {
    story = [fetching]
    expect(await modelInstallCommand(['release', '--no-wait'], folder, io())).toBe(0)
    expect(said.out).toContain(`wardstone model jobs ${JOB}`)
  })

  it('bears that the updater is started again in the midst', async () => {
    story = [proving, done]
    let turn = 0
    const pause = async () => {
      turn++
      if (turn === 1) await server?.close()
      if (turn === 3) await serve()
    }
    expect(await modelInstallCommand(['release'], folder, { ...io(), pause })).toBe(0)
    expect(turn).toBe(3)
    expect(said.out).toContain('sample 2.0.0 runs.')
  })

  it('does not wait for ever for an updater that is gone, and has a code for that', async () => {
    story = [proving]
    let turn = 0
    const pause = async () => {
      turn++
      if (turn === 1) await server?.close()
    }
    expect(await modelInstallCommand(['release'], folder, { ...io(), pause })).toBe(20)
    expect(said.err).toContain(`Job ${JOB} goes on once the updater is back.`)
    expect(said.err).toMatch(/^.*The updater cannot be reached\. \(.*\) \[channel_unreachable\]/ms)
  })

  it.each([
    [['https://box.example/news2'], { kind: 'https', url: 'https://box.example/news2' }, null, true],
    [['--usb', '/media/usb0', '--name', 'r-1.0'], { kind: 'usb', path: '/media/usb0' }, 'r-1.0', true],
    [['--usb', '/media/usb0', '--stage-only'], { kind: 'usb', path: '/media/usb0' }, null, false],
  ])('understands %j', async (args, source, name, activate) => {
    story = [done]
    expect(await modelInstallCommand(args, folder, io())).toBe(0)
    expect(asked).toEqual([{ method: 'install', source, name, activate, by: 'engineer' }])
  })

  it.each([
    [[]],
    [['']],
    [['a', 'b']],
    [['a', '--usb', '/media']],
    [['http://box.example/']],
    [['ftp://box.example/']],
    [['a', '--name', 'r']],
    [['--usb', '/media', '--name', '../r']],
    [['a', '--forc']],
  ])('takes %j for a wrong usage, and asks nobody', async (args) => {
    expect(await modelInstallCommand(args, folder, io())).toBe(2)
    expect(said.err).toContain('Usage: wardstone model install')
    expect(asked).toEqual([])
  })
})

describe('wardstone model list', () => {
  it('names a slot that the runtime knows and the store has lost, and a release that runs and is revoked', async () => {
    const lost = { slot: 'lost', package: null, active: null, previous: null, state: 'unavailable' } as const
    const [first] = list.slots
    if (first === undefined) throw new TypeError('no slot')
    const slots = [
      { ...first, active: { ...two, revoked: true } },
      { ...lost, running: null, fault: 'store_pointer_unreadable' },
    ]
    listed = { ...list, slots }
    expect(await modelListCommand([], folder, io())).toBe(0)
    expect(said.out).toMatch(/sample +2\.0\.0 +active, REVOKED/)
    expect(said.out).toMatch(/lost +not readable +UNAVAILABLE: store_pointer_unreadable/)
  })

  it('is a table of what runs, what is staged and what is under way', async () => {
    expect(await modelListCommand([], folder, io())).toBe(0)
    expect(said.out).toBe(`Runs
  SLOT    VERSION  STATE   BEFORE  PACKAGE
  sample  2.0.0    active  1.0.0   2b2b2b2b2b2b

Staged
  MODEL   VERSION  SIZE    GRANT UNTIL           PACKAGE
  sample  3.0.0    2.4 MB  2031-01-01T00:00:00Z  3c3c3c3c3c3c  REVOKED

Under way
  JOB               KIND     MODEL         NOW
  ${JOB}  install  sample 2.0.0  waiting for the runtime
`)
  })

  it.each([
    [{ state: null, running: null }, 'the runtime does not say'],
    [{ state: 'unavailable', fault: 'inference_load_failed', running: null }, 'UNAVAILABLE: inference_load_failed'],
    [{ state: 'active', running: one.package }, 'still runs 1a1a1a1a1a1a'],
    [{ active: null }, 'not readable'],
  ] as const)('shows %j', async (changes, words) => {
    const [slot] = list.slots
    if (slot !== undefined) listed = { ...list, slots: [{ ...slot, ...changes }] }
    expect(await modelListCommand([], folder, io())).toBe(0)
    expect(said.out).toContain(words)
  })

  it('is the answer itself with --json', async () => {
    expect(await modelListCommand(['--json'], folder, io())).toBe(0)
    expect(JSON.parse(said.out)).toEqual(list)
  })

  it('says that the updater cannot be reached, with a code of its own', async () => {
    const socket = join(folder, 'none.sock')
    expect(await modelListCommand(['--socket', socket], folder, io())).toBe(20)
    expect(said.err).toContain(`The updater cannot be reached. (${socket}) [channel_unreachable]\nWhat to do: `)
    expect(await modelListCommand(['--socket', socket, '--json'], folder, io())).toBe(20)
    expect(JSON.parse(said.out)).toMatchObject({ error: { code: 'channel_unreachable' } })
  })

  it('says what is wrong with the configuration that names the socket', async () => {
    writeFileSync(join(folder, 'updater.json'), '{}')
    expect(await modelListCommand([], folder, io())).toBe(1)
    expect(said.err).toContain('config_invalid')
  })
})

describe('wardstone model activate, rollback, remove', () => {
  it.each(['sample@3.0.0', '3c3c3c3c', three.package])('finds the release %s', async (wanted) => {
    story = [done]
    expect(await modelActivateCommand([wanted], folder, io())).toBe(0)
    expect(asked).toEqual([{ method: 'activate', package: three.package, by: 'engineer' }])
  })

  it('finds none that is not there, and none that two fit', async () => {
    expect(await modelRemoveCommand(['sample@9.0.0'], folder, io())).toBe(1)
    expect(said.err).toContain('control_release_unknown')
    listed = { ...list, staged: [three, { ...three, package: `3c3c3c3c${'0'.repeat(56)}` }] }
    expect(await modelRemoveCommand(['3c3c3c3c'], folder, io())).toBe(2)
    expect(said.err).toContain('several releases fit')
    expect(asked).toEqual([])
  })

  it('removes, and says what', async () => {
    expect(await modelRemoveCommand(['sample@3.0.0'], folder, io())).toBe(0)
    expect([asked, said.out]).toEqual([
      [{ method: 'remove', package: three.package, by: 'engineer' }],
      'sample 3.0.0 is removed.\n',
    ])
  })

  it('passes on what the updater refuses, in words', async () => {
    expect(await modelRollbackCommand(['sample'], folder, io())).toBe(1)
    expect(said.err).toMatch(/^Nothing is kept to go back to in this slot\. \[control_rollback_empty\]\nWhat to do: /)
    expect(await modelRollbackCommand(['sample', '--json'], folder, io())).toBe(1)
    expect(JSON.parse(said.out)).toMatchObject({ error: { code: 'control_rollback_empty' } })
  })

  it.each([[[]], [['Sample!']], [['a', 'b']], [['3c3c']]])('takes %j for a wrong usage', async (args) => {
    for (const command of [modelActivateCommand, modelRemoveCommand]) expect(await command(args, folder, io())).toBe(2)
    expect(
      await modelRollbackCommand(
        args.map((arg) => `${arg}!`),
        folder,
        io(),
      ),
    ).toBe(2)
  })
})

describe('wardstone model jobs', () => {
  it('lists them, the newest first', async () => {
    expect(await modelJobsCommand([], folder, io())).toBe(0)
    expect(said.out).toContain(`${JOB}  2030-01-01T00:00:00.000Z  install  sample 2.0.0  waiting for the runtime\n`)
    expect(said.out).toContain('failed: fetch_disk_full\n')
  })

  it('shows one with the reason of its failure, follows one, and gives one up', async () => {
    story = [failed]
    expect(await modelJobsCommand([JOB], folder, io())).toBe(0)
    expect(said.out).toMatch(/state +failed: inference_self_test_failed\n(.*\n)*Failed at step prove/)
    story = [proving, failed]
    expect(await modelJobsCommand([JOB, '--follow'], folder, io())).toBe(1)
    story = [proving]
    expect(await modelJobsCommand([JOB, '--cancel'], folder, io())).toBe(0)
    expect(asked).toEqual([{ method: 'cancel', job: JOB }])
  })

  it('that do not know an option say which', async () => {
    expect(await modelListCommand(['--bogus'], folder, io())).toBe(2)
    expect(said.err).toMatch(/^wardstone: Unknown option '--bogus'\n\nUsage: wardstone model list/)
  })

  it.each([[['x']], [['--cancel']], [['--follow']], [[JOB, JOB]]])('takes %j for a wrong usage', async (args) => {
    expect(await modelJobsCommand(args, folder, io())).toBe(2)
  })

  it('lets nothing in an answer reach the terminal as a command', async () => {
    story = [job({ state: 'failed', code: 'fetch_several_releases', message: 'name one (\u001b[2Jx)' })]
    expect(await modelJobsCommand([JOB], folder, io())).toBe(0)
    expect(said.out).not.toContain('\u001b')
  })
})

describe('every command', () => {
  const all = {
    install: modelInstallCommand,
    list: modelListCommand,
    activate: modelActivateCommand,
    rollback: modelRollbackCommand,
    remove: modelRemoveCommand,
    jobs: modelJobsCommand,
  }
  it.each(Object.entries(all))('%s explains itself, with examples and exit codes', async (name, command) => {
    expect(await command(['--help'], folder, io())).toBe(0)
    expect(said.out).toMatch(new RegExp(`^Usage: wardstone model ${name}`))
    expect(said.out).toMatch(/Examples?:\n/)
    expect(said.out).toContain('Exit codes: ')
    expect(Math.max(...said.out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(132)
  })
})
