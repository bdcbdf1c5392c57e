import { describe, expect, it } from 'vitest'
import { deviceState } from '../outbound/device-state.ts'
import { bucketsOf, shareBucket, temperatureBucket, uptimeBucket, usedPercent, worstShare } from './buckets.ts'
import type { DeviceSample } from './telemetry.ts'

const sample: DeviceSample = {
  at: '2026-01-05T10:15:00.000Z',
  uptimeSeconds: 90_000,
  cpu: { cores: 4, loadPercent: 30 },
  memory: { totalBytes: 1000, availableBytes: 100 },
  disks: [
    { path: '/a', totalBytes: 100, freeBytes: 80 },
    { path: '/b', totalBytes: 100, freeBytes: 30 },
  ],
  temperatureCelsius: 49.9,
  gpus: [
    {
      index: 0,
      name: 'x',
      utilisationPercent: 10,
      memoryUsedBytes: 60,
      memoryTotalBytes: 100,
      temperatureCelsius: 70,
    },
  ],
  missing: [],
}

describe('buckets', () => {
  it.each([
    [0, 'under-25'],
    [24.9, 'under-25'],
    [25, 'under-50'],
    [49.9, 'under-50'],
    [50, 'under-75'],
    [74.9, 'under-75'],
    [75, 'under-90'],
    [89.9, 'under-90'],
    [90, 'over-90'],
    [100, 'over-90'],
    [null, 'unknown'],
    [undefined, 'unknown'],
    [Number.NaN, 'unknown'],
    [-0.1, 'unknown'],
  ])('%s percent is %s', (percent, bucket) => expect(shareBucket(percent)).toBe(bucket))

  it.each([
    [-20, 'under-50'],
    [49.9, 'under-50'],
    [50, 'under-70'],
    [69.9, 'under-70'],
    [70, 'under-85'],
    [84.9, 'under-85'],
    [85, 'over-85'],
    [null, 'unknown'],
    [undefined, 'unknown'],
    [Number.NaN, 'unknown'],
  ])('%s degrees is %s', (celsius, bucket) => expect(temperatureBucket(celsius)).toBe(bucket))

  it.each([
    [0, 'under-1h'],
    [3599, 'under-1h'],
    [3600, 'under-1d'],
    [86_399, 'under-1d'],
    [86_400, 'under-30d'],
    [2_591_999, 'under-30d'],
    [2_592_000, 'over-30d'],
    [null, 'unknown'],
    [-1, 'unknown'],
  ])('%s seconds up is %s', (seconds, bucket) => expect(uptimeBucket(seconds)).toBe(bucket))

  it.each([
    [[10, 60, 30], 'under-75'],
    [[10, null], 'unknown'],
    [[null, 95], 'over-90'],
    [[null], 'unknown'],
    [[], 'unknown'],
  ])('of %j the worst is %s', (percents, bucket) => expect(worstShare(percents)).toBe(bucket))

  it('what cannot be a share is none', () => {
    const shares = [usedPercent(0, 0), usedPercent(10, -1), usedPercent(null, 1), usedPercent(10, undefined)]
    expect(shares).toEqual([null, null, null, null])
    expect([usedPercent(10, 10), usedPercent(10, 20), usedPercent(10, 0)]).toEqual([0, 0, 100])
  })

  it('a sample becomes what the outbound record takes', () => {
    const buckets = bucketsOf(sample)
    expect(buckets).toEqual({
      cpu: 'under-50',
      memory: 'over-90',
      disk: 'under-75',
      gpu: 'under-25',
      gpuMemory: 'under-75',
      temperature: 'under-50',
      gpuTemperature: 'under-85',
      gpus: 1,
      uptime: 'under-30d',
    })
    const rest = { posture: true, modelsActive: true, modelsDown: true } as const
    expect(deviceState.omit(rest).safeParse(buckets).success).toBe(true)
    expect(deviceState.omit(rest).safeParse(bucketsOf(undefined)).success).toBe(true)
  })

  it('without a sample, or with one that hit nothing, all is unknown', () => {
    const blind: DeviceSample = {
      ...sample,
      uptimeSeconds: null,
      cpu: { cores: null, loadPercent: null },
      memory: null,
      disks: [{ path: '/a', totalBytes: null, freeBytes: null }],
      temperatureCelsius: null,
      gpus: [],
    }
    for (const seen of [undefined, blind]) {
      const { gpus, ...words } = bucketsOf(seen)
      expect([gpus, new Set(Object.values(words))]).toEqual([0, new Set(['unknown'])])
    }
  })

  it('more cards than the record can count are as many as it can', () => {
    const gpus = Array.from({ length: 40 }, () => sample.gpus[0]!)
    expect(bucketsOf({ ...sample, gpus }).gpus).toBe(15)
  })
})
