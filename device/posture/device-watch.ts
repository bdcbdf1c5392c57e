import type { CertificateDescription } from '../identity/certificate.ts'
import { type RenewalOptions, renewIdentity } from '../identity/renewal.ts'
import type { Clock } from '../platform/clock.ts'
import { type Concern, sentenceOf } from '../platform/concern.ts'
import { isWardstoneError } from '../platform/errors.ts'
import { bucketsOf } from '../telemetry/buckets.ts'
import { SingleFlight } from '../telemetry/single-flight.ts'
import { createSystem, type System } from '../telemetry/system.ts'
import { createTelemetry, type Telemetry } from '../telemetry/telemetry.ts'
import {
  type DeviceReport,
  describeIdentity,
  type IdentityReport,
  identityConcerns,
  machineConcerns,
  noIdentity,
  unusableIdentity,
} from './device-report.ts'
import { inspectPosture, type Posture, unknownPosture } from './posture.ts'

export interface DeviceWatchOptions {
  readonly clock: Clock
  /** A file or folder on the volume of the data; its encryption is asked for. */
  readonly dataPath: string
  /** Folders whose volumes are watched. */
  readonly paths: readonly string[]
  readonly sampleIntervalMs: number
  readonly nvidiaSmi: string
  /** Undefined when the device has no identity. */
  readonly identity: RenewalOptions | undefined
  readonly system?: System
}

/** What the box knows of itself, kept up to date beside the work. */
export interface DeviceWatch {
  /** Looks once at everything but the sample, in bounded time, and from then on by timers that keep no process alive. */
  start(): Promise<void>
  /** From memory, at once. */
  report(): DeviceReport
  /** Everything that is wrong with the machine and its identity. */
  concerns(): readonly Concern[]
  /** Faults that make the box as a whole unwell. */
  healthFaults(): readonly string[]
  stop(): void
}

const POSTURE_INTERVAL_MS = 10 * 60_000
const POSTURE_DEADLINE_MS = 5000
const IDENTITY_INTERVAL_MS = 60_000

const STALLED: Concern = {
  code: 'device_stalled',
  severity: 'limit',
  text: 'The machine no longer answers what is asked of it.',
  todo: 'Look at its disks and the kernel log, then restart it.',
}

export function createDeviceWatch(options: DeviceWatchOptions): DeviceWatch {
  return new Watch(options)
}

class Watch implements DeviceWatch {
  readonly #options: DeviceWatchOptions
  readonly #telemetry: Telemetry
  readonly #postureSource: SingleFlight<Posture>
  #posture: Posture = unknownPosture('The machine has not been looked at yet.')
  #identity: { readonly report: IdentityReport; readonly certificate?: CertificateDescription } = { report: noIdentity }
  #isRenewing = false
  #timers: NodeJS.Timeout[] = []

  constructor(options: DeviceWatchOptions) {
    const { clock, paths, sampleIntervalMs: intervalMs, nvidiaSmi, dataPath } = options
    const system = options.system ?? createSystem()
    this.#options = options
    this.#telemetry = createTelemetry({ clock, paths, intervalMs, nvidiaSmi, system })
    const inspect = async () => ({ state: 'found', value: await inspectPosture(system, { dataPath }) }) as const
    this.#postureSource = new SingleFlight(inspect, POSTURE_DEADLINE_MS)
  }

  async start(): Promise<void> {
    this.#telemetry.start()
    const every = (ms: number, look: () => Promise<void>) =>
      this.#timers.push(setInterval(() => void look(), ms).unref())
    every(POSTURE_INTERVAL_MS, () => this.#lookAtPosture())
    every(IDENTITY_INTERVAL_MS, () => this.#lookAtIdentity())
    await Promise.all([this.#lookAtPosture(), this.#lookAtIdentity()])
  }

  report(): DeviceReport {
    const nowMs = this.#options.clock.nowMs()
    const sample = this.#telemetry.latest()
    return {
      at: new Date(nowMs).toISOString(),
      sample: sample ?? null,
      buckets: bucketsOf(sample),
      posture: this.#posture,
      identity: this.#identity.report,
      faults: this.concerns().map(sentenceOf),
    }
  }

  concerns(): readonly Concern[] {
    return [
      ...this.#identityConcerns(),
      ...(this.#telemetry.isStalled() ? [STALLED] : []),
      ...machineConcerns(this.#telemetry.latest(), this.#posture),
    ]
  }

  healthFaults(): readonly string[] {
    return this.#identityConcerns().map(sentenceOf)
  }

  #identityConcerns(): Concern[] {
    return identityConcerns(this.#identity.report, this.#identity.certificate, this.#options.clock.nowMs())
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#telemetry.stop()
  }

  async #lookAtPosture(): Promise<void> {
    const found = await this.#postureSource.ask()
    this.#posture =
      found.state === 'found' ? found.value : unknownPosture('The machine does not answer: a disk may hang.')
  }

  async #lookAtIdentity(): Promise<void> {
    const { identity, clock } = this.#options
    if (identity === undefined || this.#isRenewing) return
    this.#isRenewing = true
    try {
      const { certificate, renewal } = await renewIdentity(identity)
      this.#identity = { certificate, report: describeIdentity(certificate, renewal, clock.nowMs()) }
    } catch (error) {
      const about = isWardstoneError(error) ? (error.about ?? error.code) : 'internal'
      this.#identity = { report: unusableIdentity(about) }
    } finally {
      this.#isRenewing = false
    }
  }
}
