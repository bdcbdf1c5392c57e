import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { type ManagerEnvironment, openServiceManager } from './sd-notify.ts'
import { listenForNotices } from './testkit/notify-listener.ts'

const program = fileURLToPath(new URL('./testkit/notified-service.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'wardstone-notify-'))
const WATCHDOG_MS = 600
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let sockets = 0
const newSocket = () => join(folder, `notify-${++sockets}`)

/** Started as systemd starts a unit: the socket in its environment, and the watchdog for itself alone. */
async function startService(environment: ManagerEnvironment): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program], {
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  expect(await once(child, 'message')).toContain('started')
  return child
}

const watched = (socket: string): ManagerEnvironment => ({
  NOTIFY_SOCKET: socket,
  WATCHDOG_USEC: String(WATCHDOG_MS * 1000),
})

describe('a service under a manager', () => {
  it('says when it serves, that it lives while it serves, and when it leaves', async () => {
    const socket = newSocket()
    await using manager = await listenForNotices(socket)
    const child = await startService(watched(socket))
    await pause(WATCHDOG_MS)
    expect(manager.said).toEqual([])
    child.send('ready')
    await manager.heard('WATCHDOG=1', 3)
    expect(manager.said[0]).toBe('READY=1')
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await gone).toEqual([0, null])
    await manager.heard('STOPPING=1')
    expect(manager.said.filter((word) => word === 'READY=1')).toHaveLength(1)
    expect(manager.said.filter((word) => word === 'STOPPING=1')).toHaveLength(1)
  })

  it('gives no sign of life once its main loop is stuck', async () => {
    const socket = newSocket()
    await using manager = await listenForNotices(socket)
    const child = await startService(watched(socket))
    child.send('ready')
    await manager.heard('WATCHDOG=1', 2)
    child.send('hang')
    // One that was on its way when it got stuck may still arrive.
    await pause(WATCHDOG_MS)
    const before = manager.said.length
    await pause(3 * WATCHDOG_MS)
    expect(manager.said.slice(before)).toEqual([])
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  })

  it('writes its line to standard output with and without one', async () => {
    const child = await startService({})
    const said = once(child.stdout?.setEncoding('utf8') ?? child, 'data')
    child.send('ready')
    expect(await said).toEqual(['ready\n'])
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await gone).toEqual([0, null])
  })
})

describe('the words to a manager', () => {
  const toolThat = (script: string): string => {
    const path = join(folder, `tool-${++sockets}`)
    writeFileSync(path, `#!/bin/sh\n${script}\n`)
    chmodSync(path, 0o755)
    return path
  }

  it('are none where no manager asked, and no sign of life where the watchdog is meant for another process', async () => {
    const socket = newSocket()
    await using manager = await listenForNotices(socket)
    const unasked = openServiceManager({}, process.pid)
    unasked.ready()
    await unasked.close()
    const other = { ...watched(socket), WATCHDOG_PID: String(process.pid + 1) }
    const notMine = openServiceManager(other, process.pid)
    notMine.ready()
    await manager.heard('READY=1')
    await pause(2 * WATCHDOG_MS)
    await notMine.close()
    expect(manager.said).toEqual(['READY=1'])
  })

  it('extend the time of a long start as long as the main loop lives, and are signs of life after it', async () => {
    const socket = newSocket()
    await using manager = await listenForNotices(socket)
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    try {
      const mine = openServiceManager(watched(socket), process.pid)
      vi.advanceTimersByTime(10_000)
      await manager.heard('EXTEND_TIMEOUT_USEC=60000000')
      mine.ready()
      await manager.heard('READY=1')
      await mine.close()
    } finally {
      vi.useRealTimers()
    }
    expect(manager.said).toEqual(['EXTEND_TIMEOUT_USEC=60000000', 'READY=1'])
  })

  it('come in order, and READY=1 never after STOPPING=1', async () => {
    const socket = newSocket()
    await using manager = await listenForNotices(socket)
    const mine = openServiceManager({ NOTIFY_SOCKET: socket }, process.pid)
    mine.stopping()
    mine.ready()
    await mine.close()
    await manager.heard('STOPPING=1')
    expect(manager.said).toEqual(['STOPPING=1'])
  })

  it('harm nobody when the tool is missing, or fails', async () => {
    for (const tool of ['/nonexistent/systemd-notify', toolThat('exit 1')]) {
      const manager = openServiceManager(watched('/nonexistent/socket'), process.pid, tool)
      manager.ready()
      manager.stopping()
      await manager.close()
    }
  })
})
