import { fork, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { enableCompileCache, getCompileCacheDir } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findIsolation, isolationProbe, processDataBytes, type WorkerCommand } from './isolation.ts'
import { MAX_PROFILE_BYTES } from './session-profile.ts'
import { processTree, survivors } from './testkit/process-tree.ts'
import type { WallAttempts, WallFindings } from './testkit/wall-probe.ts'

const modelBytes = 256 * 1024 * 1024
const root = fileURLToPath(new URL('../..', import.meta.url))
const probe = fileURLToPath(new URL('./testkit/wall-probe.ts', import.meta.url))
const loneParent = fileURLToPath(new URL('./testkit/lone-parent.ts', import.meta.url))

/** Stands for a site: secrets beside the installation and a service on this machine. */
const site = mkdtempSync(join(tmpdir(), 'wardstone-site-'))
const secret = join(site, 'database.key')
const unixSocket = join(site, 'updater.sock')
const tcp = createServer((socket) => socket.end())
const unix = createServer((socket) => socket.end())
const udp = createSocket('udp4')
const received: string[] = []
/** As the setup has it, also when it has not started these tests. */
enableCompileCache(join(root, 'node_modules/.cache/wardstone-compiled'))
const compiled = getCompileCacheDir() ?? expect.unreachable()

beforeAll(async () => {
  writeFileSync(secret, 'secret')
  mkdirSync(join(site, 'writable'))
  udp.on('message', (message) => received.push(String(message)))
  await Promise.all([
    once(tcp.listen(0, '127.0.0.1'), 'listening'),
    once(unix.listen(unixSocket), 'listening'),
    once(udp.bind(0, '127.0.0.1'), 'listening'),
  ])
})

afterAll(() => {
  tcp.close()
  unix.close()
  udp.close()
  rmSync(site, { recursive: true, force: true })
})

/** Node's own permissions would hide what the walls let through: a native addon is not bound by them. */
function withoutNodePermissions(command: WorkerCommand): WorkerCommand {
  return { ...command, args: command.args.filter((arg) => !/^--(permission|allow-)/.test(arg)) }
}

async function throughWalls(command: WorkerCommand): Promise<WallFindings> {
  const attempts: WallAttempts = {
    tcpPort: (tcp.address() as { port: number }).port,
    udpPort: udp.address().port,
    unixSocket,
    read: [
      secret,
      `/proc/${process.pid}/mem`,
      `/proc/${process.pid}/environ`,
      join(root, 'node_modules/vitest'),
      '/etc/passwd',
      '/root',
      '/home',
    ],
    write: [
      ...[
        '/',
        root,
        join(root, 'runtime/inference'),
        join(root, 'models/package'),
        join(root, 'node_modules/onnxruntime-node'),
      ],
      ...[
        join(site, 'writable'),
        compiled,
        '/usr/lib',
        '/dev',
        '/dev/shm',
        '/proc',
        '/etc',
        '/var/tmp',
        '/run',
        '/tmp',
      ],
    ].map((folder) => join(folder, 'wardstone-probe')),
    signal: process.pid,
  }
  const child = spawn(command.file, command.args, {
    env: { ...command.env },
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  child.send(attempts)
  const [findings] = (await once(child, 'message')) as [WallFindings]
  child.disconnect()
  await once(child, 'exit')
  return findings
}

describe('a process behind bubblewrap', () => {
  const isolation = findIsolation(modelBytes, 1)

  test('starts with what Node has compiled, which it cannot change', () => {
    const { args, env } = isolation.command()
    expect(env.NODE_COMPILE_CACHE).toBe(dirname(compiled))
    expect(args).toContain(`--allow-fs-read=${compiled}`)
    expect(args.join(' ')).toContain(`--ro-bind ${compiled} ${compiled}`)
  })

  test('is what this machine offers', () => {
    expect(isolation.report).toMatchObject({ level: 'bubblewrap', networkIsolated: true })
    expect(isolation.report.memoryLimitBytes).toBeGreaterThan(modelBytes + processDataBytes)
    expect(isolationProbe()).toMatchObject({ level: 'bubblewrap', networkIsolated: true })
  })

  test('reaches no socket, no secret, no other process, and writes nowhere but its own /tmp', async () => {
    const found = await throughWalls(withoutNodePermissions(isolation.command(probe)))
    expect(found.tcp).toBe('ECONNREFUSED')
    expect(found.unix).toBe('ENOENT')
    expect(Object.values(found.read).filter((code) => code === 'ok')).toEqual([])
    const written = Object.keys(found.write).filter((path) => found.write[path] === 'ok')
    // A checkout under /tmp has its folders rebuilt inside the private one.
    expect(written.filter((path) => !path.startsWith('/tmp/'))).toEqual([])
    expect(written).toContain('/tmp/wardstone-probe')
    expect(written.filter((path) => existsSync(path))).toEqual([])
    expect(found.signal).toBe('ESRCH')
    expect(found.write[join(compiled, 'wardstone-probe')]).toBe('EROFS')
    // The reaper of its namespace and itself.
    expect(found.processes).toHaveLength(2)
    expect(received).toEqual([])
  })

  test('has no capability, no way to gain one, and nothing of our environment or descriptors', async () => {
    const found = await throughWalls(withoutNodePermissions(isolation.command(probe)))
    expect(found.status).toMatch(/^CapEff:\s0+$/m)
    expect(found.status).toMatch(/^CapBnd:\s0+$/m)
    expect(found.status).toMatch(/^NoNewPrivs:\s1$/m)
    expect(found.environment).toEqual(expect.arrayContaining(['HOME', 'ORT_DISABLE_TELEMETRY']))
    expect(
      found.environment.filter(
        (name) =>
          ![
            'HOME',
            'NODE_CHANNEL_FD',
            'NODE_CHANNEL_SERIALIZATION_MODE',
            'NODE_COMPILE_CACHE',
            'ORT_DISABLE_TELEMETRY',
            'PWD',
            'TMPDIR',
          ].includes(name),
      ),
    ).toEqual([])
    expect(
      found.descriptors.filter(
        (target) => target.startsWith('/') && !target.startsWith('/dev/') && !target.startsWith('/proc/'),
      ),
    ).toEqual([])
  })
})

test('without the walls the same attempts succeed', async () => {
  received.length = 0
  const found = await throughWalls(withoutNodePermissions(findIsolation(modelBytes, 1, 'plain').command(probe)))
  expect(found).toMatchObject({ tcp: 'ok', udp: 'ok', unix: 'ok', signal: 'ok' })
  expect(found.read[secret]).toBe('ok')
  expect(found.write[join(site, 'writable', 'wardstone-probe')]).toBe('ok')
  expect(found.processes).toContain(String(process.pid))
  await expect.poll(() => received).toEqual(['probe'])
})

test('even without them Node refuses its own file system calls', async () => {
  const { report, command } = findIsolation(modelBytes, 1, 'plain')
  expect(report).toMatchObject({ level: 'plain', networkIsolated: false, reason: 'asked for' })
  const base = command(probe)
  // What the probe itself needs to look about.
  const looking = {
    ...base,
    args: base.args.flatMap((arg) => (arg === '--permission' ? [arg, '--allow-fs-read=/proc'] : [arg])),
  }
  const found = await throughWalls(looking)
  expect(found.read[secret]).toBe('ERR_ACCESS_DENIED')
  expect(new Set(Object.values(found.write))).toEqual(new Set(['ERR_ACCESS_DENIED']))
})

test('no limit lets a core dump or a file be written', async () => {
  const { command } = findIsolation(modelBytes, 1)
  const inner = command(probe)
  const child = spawn(inner.file, inner.args, {
    env: { ...inner.env },
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await expect.poll(() => processTree(child.pid ?? 0).length).toBe(3)
  const limits = readFileSync(`/proc/${processTree(child.pid ?? 0).at(-1)}/limits`, 'latin1')
  expect(limits).toMatch(/^Max core file size\s+0\s+0/m)
  expect(limits).toMatch(new RegExp(`^Max file size\\s+${MAX_PROFILE_BYTES}\\s+${MAX_PROFILE_BYTES}\\s`, 'm'))
  expect(limits).toMatch(/^Max data size\s+\d{9,}\s+\d{9,}/m)
  child.disconnect()
  await once(child, 'exit')
})

describe.each(['bubblewrap', 'plain'] as const)('when our process is gone, behind %s', (level) => {
  const start = async (hang: boolean) => {
    const parent = fork(loneParent, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] })
    parent.send({ level, hang })
    const [pid] = (await once(parent, 'message')) as [number]
    return { parent, tree: processTree(pid) }
  }

  test('a worker in the middle of an endless request goes too', async () => {
    const { parent, tree } = await start(true)
    parent.kill('SIGKILL')
    expect(tree.length).toBeGreaterThan(0)
    expect(await survivors(tree)).toEqual([])
  })

  test('an idle worker does not keep our process alive, and goes with it', async () => {
    const { parent, tree } = await start(false)
    const [code] = await once(parent, 'exit')
    expect(code).toBe(0)
    expect(await survivors(tree)).toEqual([])
  })
})
