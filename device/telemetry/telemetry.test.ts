import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import { FakeClock } from '../testkit/fake-clock.ts'
import type { Found } from './found.ts'
import type { System } from './system.ts'
import { createTelemetry, type DeviceSample, type Telemetry, type TelemetryOptions } from './telemetry.ts'
import { Machine, procStat, withProc } from './testkit/machine.ts'
import { isAlive } from './testkit/processes.ts'

const clock = new FakeClock(Date.UTC(2026, 0, 5, 10, 15))
let machine: Machine
let running: Telemetry[]
beforeEach(() => {
  machine = withProc(new Machine())
  running = []
})
afterEach(() => {
  for (const telemetry of running) telemetry.stop()
  machine.remove()
})

function start(options: Partial<TelemetryOptions> = {}): Telemetry {
  const nvidiaSmi = `${machine.root}/bin/nvidia-smi`
  const settings = { clock, paths: [tmpdir()], intervalMs: 60_000, system: machine, nvidiaSmi, ...options }
  const telemetry = createTelemetry(settings)
  running.push(telemetry)
  telemetry.start()
  return telemetry
}

const first = (telemetry: Telemetry): Promise<DeviceSample> =>
  vi.waitFor(() => {
    const sample = telemetry.latest()
    expect(sample).toBeDefined()
    return sample!
  }, 10_000)

describe('a sample', () => {
  it('has what is there, and says why the rest is not', async () => {
    const sample = await first(start())
    expect(sample).toMatchObject({
      at: '2026-01-05T10:15:00.000Z',
      uptimeSeconds: 5538,
      cpu: { cores: 2, loadPercent: null },
      memory: { totalBytes: 1_024_000, availableBytes: 409_600 },
      temperatureCelsius: null,
      gpus: [],
      missing: [
        { source: 'temperature', why: 'the machine shows no sensor', isAbsent: true },
        { source: 'gpu', why: 'nvidia-smi is not installed', isAbsent: true },
      ],
    })
    const [disk] = sample.disks
    expect(disk?.path).toBe(tmpdir())
    expect(disk?.totalBytes).toBeGreaterThan(disk?.freeBytes ?? Number.POSITIVE_INFINITY)
  })

  it('asks the tool for exactly what it reads', async () => {
    const asked = `${machine.root}/asked`
    machine.program('nvidia-smi', `echo "$@" > ${asked}; echo "0, Card, 5, 100, 200, 40"`)
    const { gpus, missing } = await first(start())
    expect(gpus).toMatchObject([{ index: 0, name: 'Card', utilisationPercent: 5, temperatureCelsius: 40 }])
    expect(missing.map(({ source }) => source)).toEqual(['temperature'])
    const fields = 'index,name,utilization.gpu,memory.used,memory.total,temperature.gpu'
    expect(readFileSync(asked, 'utf8').trim()).toBe(`--query-gpu=${fields} --format=csv,noheader,nounits`)
  })

  it.each([
    ['exit 9', 'exit status 9'],
    ['echo "No devices were found"', 'nvidia-smi said something else'],
    ['head -c 100000 /dev/zero | tr "\\0" y', 'more than 16384 bytes'],
  ])('with a tool that does `%s` has no card and a fault', async (script, why) => {
    machine.program('nvidia-smi', script)
    const { gpus, missing } = await first(start())
    expect(gpus).toEqual([])
    expect(missing).toContainEqual({ source: 'gpu', why, isAbsent: false })
  })

  it.each([
    ['/proc/stat', 'cpu', { cpu: { cores: null, loadPercent: null } }],
    ['/proc/meminfo', 'memory', { memory: null }],
    ['/proc/uptime', 'uptime', { uptimeSeconds: null }],
  ])('without %s goes on', async (path, source, expected) => {
    machine.unreadable.set(path, 'EACCES')
    const sample = await first(start())
    expect(sample).toMatchObject(expected)
    expect(sample.missing).toContainEqual({ source, why: `${path}: EACCES`, isAbsent: false })
  })

  it('a volume that is not there is missing, and the others are not', async () => {
    const { disks, missing } = await first(start({ paths: [`${machine.root}/none`, tmpdir(), tmpdir()] }))
    expect(disks.map(({ totalBytes }) => totalBytes === null)).toEqual([true, false])
    expect(missing).toContainEqual({ source: 'disk', why: `${machine.root}/none: it is not there`, isAbsent: false })
  })
})

describe('sampling', () => {
  it('the load is that since the sample before', async () => {
    const telemetry = start({ intervalMs: 30 })
    await first(telemetry)
    machine.write('/proc/stat', procStat(175, 925))
    await vi.waitFor(() => expect(telemetry.latest()?.cpu.loadPercent).toBe(75), { timeout: 5000, interval: 5 })
  })

  it('a tool that hangs is killed, is not started twice at a time, and holds up nobody', async () => {
    const pids = `${machine.root}/pids`
    machine.program('nvidia-smi', `echo $$ >> ${pids}; sleep 600`)
    const telemetry = start({ intervalMs: 20, deadlineMs: 400 })
    let most = 0
    const seen = new Set<string>()
    const untilMs = performance.now() + 3000
    while (performance.now() < untilMs) {
      const started = existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n') : []
      for (const pid of started) seen.add(pid)
      most = Math.max(most, started.filter((pid) => isAlive(Number(pid))).length)
      const askedMs = performance.now()
      telemetry.latest()
      expect(performance.now() - askedMs).toBeLessThan(5)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(seen.size).toBeGreaterThan(1)
    expect(most).toBe(1)
    expect(telemetry.latest()?.missing).toContainEqual({ source: 'gpu', why: 'no answer in 400 ms', isAbsent: false })
    telemetry.stop()
    await vi.waitFor(() => expect([...seen].filter((pid) => isAlive(Number(pid)))).toEqual([]), 10_000)
  })

  it('a dead disk costs one waiting call for as long as it is dead, and its neighbours none', async () => {
    const never = Promise.withResolvers<Found<{ totalBytes: number; freeBytes: number }>>()
    const asked: string[] = []
    const system: System = {
      readText: (path, maxBytes) => machine.readText(path, maxBytes),
      list: (path, maxEntries) => machine.list(path, maxEntries),
      mountId: (path) => machine.mountId(path),
      startTool: (file, args, limits) => machine.startTool(file, args, limits),
      statfs: (path) => {
        asked.push(path)
        return never.promise
      },
    }
    const telemetry = start({ system, paths: ['/dead', '/other'], intervalMs: 10, deadlineMs: 50 })
    await vi.waitFor(() => expect(telemetry.latest()?.missing.some(({ why }) => why.includes('earlier'))).toBe(true))
    expect(asked).toEqual(['/dead'])
    const sample = telemetry.latest()!
    expect(sample.memory).not.toBeNull()
    expect(sample.disks.map(({ freeBytes }) => freeBytes)).toEqual([null, null])
    expect(sample.missing).toContainEqual({
      source: 'disk',
      why: '/other: not asked while /dead hangs',
      isAbsent: false,
    })
    never.resolve({ state: 'found', value: { totalBytes: 10, freeBytes: 5 } })
    await vi.waitFor(() => expect(telemetry.latest()?.disks.map(({ freeBytes }) => freeBytes)).toEqual([5, 5]))
  })

  it('that have stopped coming are not taken for what is: the last one was well', async () => {
    const own = new FakeClock()
    let isDead = false
    const system: System = {
      readText: (path, maxBytes) => (isDead ? new Promise(() => {}) : machine.readText(path, maxBytes)),
      list: (path, maxEntries) => machine.list(path, maxEntries),
      mountId: (path) => machine.mountId(path),
      startTool: (file, args, limits) => machine.startTool(file, args, limits),
      statfs: (path) => machine.statfs(path),
    }
    const telemetry = start({ system, clock: own, intervalMs: 20, deadlineMs: 100 })
    await first(telemetry)
    isDead = true
    own.jumpMs(10 * 60_000)
    expect([telemetry.latest() === undefined, telemetry.isStalled()]).toEqual([false, false])
    await new Promise((resolve) => setTimeout(resolve, 100))
    own.advance(60_000)
    expect([telemetry.latest(), telemetry.isStalled()]).toEqual([undefined, true])
  })

  it('nothing is read when somebody asks, and nothing after the stop', async () => {
    const telemetry = start({ intervalMs: 20 })
    const sample = await first(telemetry)
    telemetry.stop()
    const last = telemetry.latest()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(telemetry.latest()).toBe(last)
    expect(sample.at).toBe(last?.at)
    telemetry.start()
    expect(telemetry.latest()).toBe(last)
  })
})

describe('this machine', () => {
  it('is sampled as it is', async () => {
    const telemetry = createTelemetry({ clock: systemClock, paths: [tmpdir(), '/'], intervalMs: 200 })
    running.push(telemetry)
    telemetry.start()
    await vi.waitFor(() => expect(telemetry.latest()?.cpu.loadPercent).toEqual(expect.any(Number)), 15_000)
    const sample = await first(telemetry)
    const cores = readFileSync('/proc/cpuinfo', 'utf8').match(/^processor\s*:/gm)?.length
    expect(sample.cpu.cores).toBe(cores)
    expect(sample.cpu.loadPercent).toBeGreaterThanOrEqual(0)
    expect(sample.cpu.loadPercent).toBeLessThanOrEqual(100)
    expect(sample.memory?.availableBytes).toBeLessThanOrEqual(sample.memory?.totalBytes ?? 0)
    expect(sample.disks).toHaveLength(2)
    expect(sample.disks.every(({ totalBytes, freeBytes }) => (totalBytes ?? 0) >= (freeBytes ?? 1))).toBe(true)
    // A GPU is there when its driver is, and then it has a name.
    const hasDriver = existsSync('/proc/driver/nvidia') && readdirSync('/proc/driver/nvidia').length > 0
    if (!hasDriver) expect(sample.gpus).toEqual([])
    for (const { name } of sample.gpus) expect(name.length).toBeGreaterThan(0)
  })
})
