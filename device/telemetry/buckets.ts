import type { DeviceState, ShareBucket, TemperatureBucket, UptimeBucket } from '../outbound/device-state.ts'
import type { GpuSample } from './gpus.ts'
import type { DeviceSample } from './telemetry.ts'

/**
 * A sample in the vocabulary of the outbound record: all that may be said of the machine outside the building. `unknown` is
 * a bucket of its own, so that what could not be read is never taken for well.
 */
export type DeviceBuckets = Readonly<Omit<DeviceState, 'posture' | 'modelsActive' | 'modelsDown' | 'gpus'>> & {
  readonly gpus: number
}

const MAX_GPUS = 15

/** Pure. Without a sample everything is unknown. */
export function bucketsOf(sample: DeviceSample | undefined): DeviceBuckets {
  const gpus = sample?.gpus ?? []
  return {
    cpu: shareBucket(sample?.cpu.loadPercent),
    memory: shareBucket(usedPercent(sample?.memory?.totalBytes, sample?.memory?.availableBytes)),
    disk: worstShare((sample?.disks ?? []).map(({ totalBytes, freeBytes }) => usedPercent(totalBytes, freeBytes))),
    gpu: worstShare(gpus.map(({ utilisationPercent }) => utilisationPercent)),
    gpuMemory: worstShare(gpus.map(memoryPercent)),
    temperature: temperatureBucket(sample?.temperatureCelsius),
    gpuTemperature: worstTemperature(gpus.map(({ temperatureCelsius }) => temperatureCelsius)),
    gpus: Math.min(MAX_GPUS, gpus.length),
    uptime: uptimeBucket(sample?.uptimeSeconds),
  }
}

/** Percent in use → bucket; a limit itself belongs to the bucket above it. */
export function shareBucket(percent: number | null | undefined): ShareBucket {
  if (percent === null || percent === undefined || !(percent >= 0)) return 'unknown'
  if (percent < 25) return 'under-25'
  if (percent < 50) return 'under-50'
  if (percent < 75) return 'under-75'
  return percent < 90 ? 'under-90' : 'over-90'
}

/** Degrees Celsius → bucket; a limit itself belongs to the bucket above it. */
export function temperatureBucket(celsius: number | null | undefined): TemperatureBucket {
  if (celsius === null || celsius === undefined || !Number.isFinite(celsius)) return 'unknown'
  if (celsius < 50) return 'under-50'
  if (celsius < 70) return 'under-70'
  return celsius < 85 ? 'under-85' : 'over-85'
}

const HOUR = 3600
const DAY = 24 * HOUR

/** Seconds since the machine started → bucket; a limit itself belongs to the bucket above it. */
export function uptimeBucket(seconds: number | null | undefined): UptimeBucket {
  if (seconds === null || seconds === undefined || !(seconds >= 0)) return 'unknown'
  if (seconds < HOUR) return 'under-1h'
  if (seconds < DAY) return 'under-1d'
  return seconds < 30 * DAY ? 'under-30d' : 'over-30d'
}

/** The worst of several. One that could not be read makes them unknown, unless another is as bad as can be. */
export function worstShare(percents: readonly (number | null)[]): ShareBucket {
  const known = percents.filter((percent) => percent !== null)
  const worst = shareBucket(known.length === 0 ? null : Math.max(...known))
  return known.length === percents.length || worst === 'over-90' ? worst : 'unknown'
}

function worstTemperature(sensors: readonly (number | null)[]): TemperatureBucket {
  const known = sensors.filter((celsius) => celsius !== null)
  const worst = temperatureBucket(known.length === 0 ? null : Math.max(...known))
  return known.length === sensors.length || worst === 'over-85' ? worst : 'unknown'
}

function memoryPercent({ memoryTotalBytes, memoryUsedBytes }: GpuSample): number | null {
  return memoryTotalBytes === null || memoryUsedBytes === null
    ? null
    : usedPercent(memoryTotalBytes, memoryTotalBytes - memoryUsedBytes)
}

/** Share in use, in percent; null when it cannot be worked out. */
export function usedPercent(total: number | null | undefined, free: number | null | undefined): number | null {
  if (typeof total !== 'number' || typeof free !== 'number' || !(total > 0) || !(free >= 0)) return null
  return (1 - Math.min(1, free / total)) * 100
}
