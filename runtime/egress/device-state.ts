import { type DeviceState, deviceState } from '../../device/outbound/device-state.ts'
import type { DeviceBuckets } from '../../device/telemetry/buckets.ts'

export interface DeviceFacts {
  readonly buckets: DeviceBuckets
  readonly posture: Readonly<Record<keyof DeviceState['posture'], { readonly answer: DeviceState['posture']['tpm'] }>>
  readonly modelsActive: number
  readonly modelsDown: number
}

const MAX_MODELS = 63

/** How the box fares, as it may be told outside: buckets, the bare answers, and how many models run. */
export function deviceStateOf({ buckets, posture, modelsActive, modelsDown }: DeviceFacts): DeviceState {
  const { secureBoot, diskEncryption, tpm, swap, coreDumps } = posture
  return deviceState.parse({
    ...buckets,
    posture: {
      secureBoot: secureBoot.answer,
      diskEncryption: diskEncryption.answer,
      tpm: tpm.answer,
      swap: swap.answer,
      coreDumps: coreDumps.answer,
    },
    modelsActive: Math.min(MAX_MODELS, modelsActive),
    modelsDown: Math.min(MAX_MODELS, modelsDown),
  })
}
