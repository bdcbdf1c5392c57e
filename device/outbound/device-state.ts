import { z } from 'zod'

export const shareBuckets = ['unknown', 'under-25', 'under-50', 'under-75', 'under-90', 'over-90'] as const
export const temperatureBuckets = ['unknown', 'under-50', 'under-70', 'under-85', 'over-85'] as const
export const uptimeBuckets = ['unknown', 'under-1h', 'under-1d', 'under-30d', 'over-30d'] as const
export const postureAnswers = ['yes', 'no', 'cannot tell'] as const

const share = z.enum(shareBuckets)
const temperature = z.enum(temperatureBuckets)
const answer = z.enum(postureAnswers)
const few = z.int().min(0).max(15)
const count = z.int().min(0).max(63)

/** How the box fares, in buckets; of several disks or accelerators the worst one. */
export const deviceState = z.strictObject({
  posture: z.strictObject({
    secureBoot: answer,
    diskEncryption: answer,
    tpm: answer,
    swap: answer,
    coreDumps: answer,
  }),
  /** Percent in use. */
  cpu: share,
  memory: share,
  disk: share,
  gpu: share,
  gpuMemory: share,
  /** Degrees Celsius. */
  temperature,
  gpuTemperature: temperature,
  gpus: few.brand<'gpus'>(),
  uptime: z.enum(uptimeBuckets),
  modelsActive: count.brand<'models'>(),
  modelsDown: count.brand<'models'>(),
})

export type DeviceState = z.infer<typeof deviceState>
export type ShareBucket = (typeof shareBuckets)[number]
export type TemperatureBucket = (typeof temperatureBuckets)[number]
export type UptimeBucket = (typeof uptimeBuckets)[number]
