import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../../device/platform/clock.ts'
import { CoreShares } from '../core-shares.ts'
import type { ModelWorker, RunOrder } from '../types.ts'
import { trialInputs, trialModel } from './trial-models.ts'
import { inMs, startTrial } from './trial-worker.ts'

/**
 * How long the bedside waits while six processes of a slow model are asked without end, beside the same on an idle box; with
 * the cores shared and without. Run by hand: `node runtime/inference/testkit/mixed-load.ts [rounds]`.
 */
const ASKED = 200
const PAUSE_MS = 5
const SLOW_PROCESSES = 6
/** About a hundred milliseconds of one core. */
const SLOW = { rounds: 60_000 }

interface Times {
  readonly p50Ms: number
  readonly p99Ms: number
}

async function measure(cores: CoreShares | undefined): Promise<{ idle: Times; mixed: Times; slowPerSecond: number }> {
  const shared = cores === undefined ? {} : { cores }
  await using bedside = startTrial(trialModel(), shared)
  await using imaging = startTrial(trialModel(), { ...shared, instances: SLOW_PROCESSES })
  await Promise.all([bedside.worker.ready(), imaging.worker.ready()])
  const idle = await askBedside(bedside.worker)
  const load = saturate(imaging.worker)
  await sleep(500)
  const mixed = await askBedside(bedside.worker)
  return { idle, mixed, slowPerSecond: await load.stop() }
}

async function askBedside(worker: ModelWorker): Promise<Times> {
  const order: RunOrder = { priority: 'bedside' }
  const tookMs: number[] = []
  for (let asked = 0; asked < ASKED; asked += 1) {
    await sleep(PAUSE_MS)
    const startedMs = systemClock.monotonicMs()
    await worker.run(trialInputs([1, 2, 3, 4]), inMs(20_000), 'bed', order)
    tookMs.push(systemClock.monotonicMs() - startedMs)
  }
  tookMs.sort((a, b) => a - b)
  const at = (share: number) => tookMs[Math.floor(share * tookMs.length)] ?? Number.NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

function saturate(worker: ModelWorker) {
  let isOver = false
  let served = 0
  const startedMs = systemClock.monotonicMs()
  const lane = async () => {
    while (!isOver) {
      await worker.run(trialInputs([0, 0, 0, 0], SLOW), inMs(60_000), 'modality', { priority: 'reading-room' })
      served += 1
    }
  }
  const lanes = Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(lane))
  const stop = async () => {
    isOver = true
    const seconds = (systemClock.monotonicMs() - startedMs) / 1000
    await lanes
    return served / seconds
  }
  return { stop }
}

const rounds = Number(process.argv[2] ?? 2)
for (let round = 0; round < rounds; round += 1) {
  for (const [name, cores] of [
    ['shared', new CoreShares({ cores: 2, reserved: 1 })],
    ['not shared', undefined],
  ] as const) {
    const { idle, mixed, slowPerSecond } = await measure(cores)
    const text = ({ p50Ms, p99Ms }: Times) => `p50 ${p50Ms.toFixed(2)} p99 ${p99Ms.toFixed(2)} ms`
    process.stdout.write(
      `${name}: idle ${text(idle)}; loaded ${text(mixed)}; ${slowPerSecond.toFixed(1)} slow runs a second\n`,
    )
  }
}
