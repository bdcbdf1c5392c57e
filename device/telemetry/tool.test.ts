import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Machine } from './testkit/machine.ts'
import { isAlive } from './testkit/processes.ts'
import { startTool, type Tool, type ToolLimits } from './tool.ts'

let machine: Machine
let tools: Tool[]
beforeEach(() => {
  machine = new Machine()
  tools = []
})
afterEach(() => {
  for (const tool of tools) tool.close()
  machine.remove()
})

function start(file: string, args: readonly string[] = [], limits: Partial<ToolLimits> = {}): Tool {
  const tool = startTool(file, args, { timeoutMs: 5000, maxBytes: 1000, ...limits })
  tools.push(tool)
  return tool
}

const pidIn = (name: string) => Number(readFileSync(`${machine.root}/${name}`, 'utf8'))
const isGone = (pid: number) => vi.waitFor(() => expect(isAlive(pid)).toBe(false), 10_000)

/** The processes that a process has started. */
function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/stat`))
    .map(Number)
    .filter((pid) => isAlive(pid) && readFileSync(`/proc/${pid}/status`, 'utf8').includes(`\nPPid:\t${parent}\n`))
}

describe('a tool', () => {
  it('says what the program says, each time, with its arguments as they are', async () => {
    const tool = start(machine.program('say', 'printf "%s|" "$@"'), ['a b', '$(id)', ';', '"'])
    for (let round = 0; round < 3; round++)
      expect(await tool.ask()).toEqual({ state: 'found', value: 'a b|$(id)|;|"|' })
  })

  it('that is not there is absent; one that fails or may not run is unreadable', async () => {
    expect(await start('no-such-program-here').ask()).toEqual({ state: 'absent' })
    expect(await start(`${machine.root}/none`).ask()).toEqual({ state: 'absent' })
    const fails = start(machine.program('fail', 'echo half; exit 9'))
    expect(await fails.ask()).toEqual({ state: 'unreadable', why: 'exit status 9' })
    const plain = `${machine.write('/plain', 'x').root}/plain`
    expect(await start(plain).ask()).toEqual({ state: 'unreadable', why: 'it may not be executed' })
  })

  it('sees nothing of our environment and none of our input', async () => {
    const found = await start(machine.program('env', 'env; cat')).ask()
    const lines = found.state === 'found' ? found.value.trim().split('\n') : []
    const names = lines.map((line) => line.split('=')[0] ?? '')
    expect(names.filter((name) => !['PATH', 'LC_ALL', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))).toEqual([])
    expect(names).toContain('PATH')
  })

  it('that hangs is killed with all that it started, and asked again', async () => {
    const script = `sleep 600 & echo $! > ${machine.root}/child; echo $$ > ${machine.root}/self; wait`
    const tool = start(machine.program('hang', script), [], { timeoutMs: 500 })
    for (let round = 0; round < 2; round++) {
      const startMs = performance.now()
      expect(await tool.ask()).toEqual({ state: 'unreadable', why: 'no answer in 500 ms' })
      expect(performance.now() - startMs).toBeLessThan(10_000)
      await isGone(pidIn('child'))
      await isGone(pidIn('self'))
    }
  })

  it('that will not end when it is told is killed', async () => {
    const script = `trap '' TERM; echo $$ > ${machine.root}/self; while :; do sleep 1; done`
    const tool = start(machine.program('stubborn', script), [], { timeoutMs: 300 })
    expect(await tool.ask()).toEqual({ state: 'unreadable', why: 'no answer in 300 ms' })
    await isGone(pidIn('self'))
  })

  it('that nothing can end is waited for: no second one is started beside it', async () => {
    // What cannot be killed still holds its output; here something outside of its group does.
    const script = `echo x >> ${machine.root}/starts; setsid sleep 3 &\n`
    const tool = start(machine.program('undead', script), [], { timeoutMs: 300 })
    const startMs = performance.now()
    expect(await tool.ask()).toMatchObject({ state: 'found' })
    expect(performance.now() - startMs).toBeGreaterThan(2500)
    expect(readFileSync(`${machine.root}/starts`, 'utf8')).toBe('x\n')
  })

  it('may say as much as its limit; one that says more is cut off', async () => {
    const tool = (count: number) => start(machine.program(`much-${count}`, `head -c ${count} /dev/zero | tr '\\0' y`))
    expect(await tool(1000).ask()).toEqual({ state: 'found', value: 'y'.repeat(1000) })
    expect(await tool(1001).ask()).toEqual({ state: 'unreadable', why: 'more than 1000 bytes' })
    const endless = start(machine.program('endless', `echo $$ > ${machine.root}/self; exec yes`))
    expect(await endless.ask()).toEqual({ state: 'unreadable', why: 'more than 1000 bytes' })
    await isGone(pidIn('self'))
  })

  it('is not asked any more once closed, and what runs ends at its limit', async () => {
    const tool = start(machine.program('hang', `echo $$ > ${machine.root}/self; sleep 600`), [], { timeoutMs: 1000 })
    const asked = tool.ask()
    await vi.waitFor(() => expect(pidIn('self')).toBeGreaterThan(0), 5000)
    tool.close()
    expect(await asked).toEqual({ state: 'unreadable', why: 'what asks it has ended' })
    expect(await tool.ask()).toEqual({ state: 'unreadable', why: 'what asks it has ended' })
    await isGone(pidIn('self'))
  })

  it('that is asked makes us start no process: the shell was started once', async () => {
    const before = childrenOf(process.pid)
    const tool = start(machine.program('parent', 'cat /proc/$PPID/status | grep PPid; true'))
    const shells = childrenOf(process.pid).filter((pid) => !before.includes(pid))
    expect(shells).toHaveLength(1)
    await tool.ask()
    await tool.ask()
    expect(childrenOf(process.pid).filter((pid) => !before.includes(pid))).toEqual(shells)
    tool.close()
    await isGone(shells[0] ?? 0)
  })

  it('and its shell do not outlive us when we are killed', async () => {
    const path = machine.program(
      'hang',
      `echo $$ > ${machine.root}/self; echo $PPID > ${machine.root}/parent; sleep 600`,
    )
    const module = fileURLToPath(new URL('./tool.ts', import.meta.url))
    const code = `import { startTool } from ${JSON.stringify(module)}
      const tool = startTool(${JSON.stringify(path)}, [], { timeoutMs: 2000, maxBytes: 10 })
      setInterval(() => {}, 1000)
      await tool.ask()`
    const us = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' })
    await vi.waitFor(() => expect(pidIn('parent')).toBeGreaterThan(0), 15_000)
    const shells = childrenOf(us.pid ?? 0)
    expect(shells).toHaveLength(1)
    us.kill('SIGKILL')
    await isGone(pidIn('self'))
    await isGone(shells[0] ?? 0)
  })
})
