import type { Clock } from '../platform/clock.ts'
import type { Found } from './found.ts'
import { type GpuSample, readGpus, startGpuTool } from './gpus.ts'
import { type CpuTimes, loadPercent, parseCpuTimes, parseMemory, parseUptime } from './proc.ts'
import { SingleFlight } from './single-flight.ts'
import { createSystem, type System } from './system.ts'
import { readTemperature } from './temperature.ts'
import type { Tool } from './tool.ts'

export interface DiskSample {
  readonly path: string
  /** Null when the volume could not be asked. */
  readonly totalBytes: number | null
  /** Free for us, without what is kept for root. */
  readonly freeBytes: number | null
}

/** What could not be read, and why; what the machine does not have is here too. */
export interface MissingReading {
  /** True when the machine does not have it: that is no fault. */
  readonly isAbsent: boolean
  readonly source: 'cpu' | 'memory' | 'uptime' | 'disk' | 'temperature' | 'gpu'
  readonly why: string
}

export interface DeviceSample {
  /** RFC 3339, UTC. */
  readonly at: string
  readonly uptimeSeconds: number | null
  /** `loadPercent` is the mean since the sample before; null in the first. */
  readonly cpu: { readonly cores: number | null; readonly loadPercent: number | null }
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number } | null
  readonly disks: readonly DiskSample[]
  /** The hottest sensor of processors and drives. */
  readonly temperatureCelsius: number | null
  readonly gpus: readonly GpuSample[]
  readonly missing: readonly MissingReading[]
}

export interface TelemetryOptions {
  readonly clock: Clock
  /** Folders whose volumes are watched. */
  readonly paths: readonly string[]
  readonly intervalMs: number
  readonly system?: System
  /** The driver's tool, by name or path. */
  readonly nvidiaSmi?: string
  /** How long one source may take before the sample goes on without it. */
  readonly deadlineMs?: number
}

export interface Telemetry {
  /** Call it before there is work. Takes the first sample now and the next ones on a timer that keeps no process alive. Starting twice changes nothing. */
  start(): void
  /** The last sample, at once; undefined until there is one, and when samples have stopped coming. */
  latest(): DeviceSample | undefined
  /** Whether samples have stopped coming: then nothing is known of the machine, however well it was. */
  isStalled(): boolean
  /** Ends the timer, and the driver's tool after its deadline at the latest. */
  stop(): void
}

const MAX_PROC_BYTES = 1024 * 1024
const DEFAULT_DEADLINE_MS = 5000
/** The tool is ended at the deadline, and killed a second later. */
const TOOL_GRACE_MS = 2500
/** A sample that is older than two intervals and the slowest source says nothing of now. */
const STALE_INTERVALS = 2

const NO_SENSOR = 'the machine shows no sensor'
const NO_DRIVER = 'nvidia-smi is not installed'

type Note = (source: MissingReading['source'], why: string, isAbsent?: boolean) => void
type VolumeSize = { readonly totalBytes: number; readonly freeBytes: number }

/**
 * Samples the machine beside the work: nothing is read when somebody asks, and nothing that hangs is asked twice. Disks
 * and sensors are read one after another each, so that each holds at most one thread of the pool that serves files.
 */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  return new Sampler(options)
}

class Sampler implements Telemetry {
  readonly #options: TelemetryOptions
  readonly #system: System
  readonly #disks: readonly { path: string; source: SingleFlight<VolumeSize> }[]
  readonly #temperature: SingleFlight<number>
  readonly #gpus: SingleFlight<readonly GpuSample[]>
  #timer: NodeJS.Timeout | undefined
  #gpuTool: Tool | undefined
  #isWithoutGpu = false
  #isSampling = false
  #isStopped = false
  #before: CpuTimes | undefined
  #latest: DeviceSample | undefined
  /** By the monotonic clock: of the start, then of the last sample. */
  #heardMs: number | undefined

  constructor(options: TelemetryOptions) {
    this.#options = options
    const system = options.system ?? createSystem()
    const timeoutMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS
    this.#system = system
    this.#disks = [...new Set(options.paths)].map((path) => ({
      path,
      source: new SingleFlight(() => system.statfs(path), timeoutMs),
    }))
    this.#temperature = new SingleFlight(() => readTemperature(system), timeoutMs)
    this.#gpus = new SingleFlight(() => this.#readGpus(), timeoutMs + TOOL_GRACE_MS)
  }

  start(): void {
    if (this.#timer !== undefined || this.#isStopped) return
    const { nvidiaSmi = 'nvidia-smi', deadlineMs = DEFAULT_DEADLINE_MS } = this.#options
    this.#gpuTool = startGpuTool(this.#system, nvidiaSmi, deadlineMs)
    this.#heardMs = this.#options.clock.monotonicMs()
    this.#timer = setInterval(() => void this.#tick(), this.#options.intervalMs).unref()
    void this.#tick()
  }

  latest(): DeviceSample | undefined {
    return this.isStalled() ? undefined : this.#latest
  }

  isStalled(): boolean {
    const { clock, intervalMs, deadlineMs = DEFAULT_DEADLINE_MS } = this.#options
    const limitMs = STALE_INTERVALS * intervalMs + deadlineMs + TOOL_GRACE_MS
    return this.#heardMs !== undefined && !this.#isStopped && clock.monotonicMs() - this.#heardMs > limitMs
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#gpuTool?.close()
    this.#isStopped = true
  }

  async #tick(): Promise<void> {
    if (this.#isSampling) return
    this.#isSampling = true
    try {
      const sample = await this.#sample()
      if (this.#isStopped) return
      this.#latest = sample
      this.#heardMs = this.#options.clock.monotonicMs()
    } finally {
      this.#isSampling = false
    }
  }

  async #sample(): Promise<DeviceSample> {
    const missing: MissingReading[] = []
    const note: Note = (source, why, isAbsent = false) => void missing.push({ source, why, isAbsent })
    const [kernel, disks, temperature, gpus] = await Promise.all([
      this.#kernel(note),
      this.#volumes(note),
      this.#temperature.ask(),
      this.#gpus.ask(),
    ])
    // Not every machine has a sensor or a GPU; /proc and its own volumes it must have.
    if (temperature.state !== 'found')
      note('temperature', whyOf(temperature, NO_SENSOR), temperature.state === 'absent')
    if (gpus.state !== 'found') note('gpu', whyOf(gpus, NO_DRIVER), gpus.state === 'absent')
    return {
      at: new Date(this.#options.clock.nowMs()).toISOString(),
      ...kernel,
      disks,
      temperatureCelsius: temperature.state === 'found' ? temperature.value : null,
      gpus: gpus.state === 'found' ? gpus.value : [],
      missing,
    }
  }

  /** A machine that has no driver now has none until the next start: what would ask it is sent home. */
  async #readGpus(): Promise<Found<readonly GpuSample[]>> {
    if (this.#gpuTool === undefined || this.#isWithoutGpu) return { state: 'absent' }
    const gpus = await readGpus(this.#gpuTool)
    this.#isWithoutGpu = gpus.state === 'absent'
    if (this.#isWithoutGpu) this.#gpuTool.close()
    return gpus
  }

  /** Files of /proc are answered by the kernel from memory. */
  async #kernel(note: Note) {
    const read = async <T>(source: MissingReading['source'], path: string, parse: (text: string) => T | undefined) => {
      const text = await this.#system.readText(path, MAX_PROC_BYTES)
      const value = text.state === 'found' ? parse(text.value) : undefined
      if (text.state !== 'found') note(source, `${path}: ${whyOf(text, 'it is not there')}`)
      else if (value === undefined) note(source, `${path}: it is not as the kernel writes it`)
      return value
    }
    const cpu = await read('cpu', '/proc/stat', parseCpuTimes)
    const load = cpu && this.#before && loadPercent(this.#before, cpu)
    this.#before = cpu
    return {
      uptimeSeconds: (await read('uptime', '/proc/uptime', parseUptime)) ?? null,
      cpu: { cores: cpu?.cores ?? null, loadPercent: load ?? null },
      memory: (await read('memory', '/proc/meminfo', parseMemory)) ?? null,
    }
  }

  /** One that hangs keeps the others from being asked: each would take another thread with it. */
  async #volumes(note: Note): Promise<DiskSample[]> {
    const samples: DiskSample[] = []
    for (const { path, source } of this.#disks) {
      const hung = this.#disks.find((disk) => disk.source.isWaiting && disk.path !== path)
      const answer: Found<VolumeSize> =
        hung === undefined ? await source.ask() : { state: 'unreadable', why: `not asked while ${hung.path} hangs` }
      if (answer.state !== 'found') note('disk', `${path}: ${whyOf(answer, 'it is not there')}`)
      const size = answer.state === 'found' ? answer.value : undefined
      samples.push({ path, totalBytes: size?.totalBytes ?? null, freeBytes: size?.freeBytes ?? null })
    }
    return samples
  }
}

function whyOf<T>(found: Exclude<Found<T>, { state: 'found' }>, whenAbsent: string): string {
  return found.state === 'absent' ? whenAbsent : found.why
}
