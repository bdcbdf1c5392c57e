import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ModelSummary } from '../runtime/decisions/service-types.ts'
import type { BenchModel } from './bench-model.ts'
import { type ClientIdentity, openDevices } from './clients.ts'
import { askUntil } from './lanes.ts'
import { decisionCall } from './latency.ts'
import { madeUpImaging } from './models/made-up-imaging.ts'
import { outsideModels } from './models/outside.ts'
import type { Timed } from './statistics.ts'

/** What the other process needs to ask like a reading room. */
export interface ImagingOrder {
  readonly url: string
  readonly identities: readonly ClientIdentity[]
  readonly summary: ModelSummary
  readonly lanes: number
}

/** To the other process, and back from it. */
type ToLoad = { readonly order: ImagingOrder } | 'go' | 'halt'
type FromLoad = 'connected' | { readonly timed: Timed }

const ENTRY = fileURLToPath(new URL('bin/imaging-load.ts', import.meta.url))

/** The model that stands for imaging: DenseNet-121, or where it does not lie beside the checkout one that is made up. */
export async function imagingModel(outside: readonly BenchModel[]): Promise<BenchModel> {
  return outside.find(({ name }) => name === 'densenet121') ?? (await madeUpImaging())
}

/** Lanes that ask an imaging model without a pause, when they are told to. */
export interface ImagingLoad {
  /** @returns what ends it, and says what was answered meanwhile */
  go(): () => Promise<Timed>
  close(): void
}

/**
 * A reading room is another machine: in the process that times the bedside, writing images of 800 kB would be timed as well.
 * @throws TypeError when that process ends
 */
export async function startImagingLoad(order: ImagingOrder): Promise<ImagingLoad> {
  const child = fork(ENTRY, [], { serialization: 'advanced' })
  send(child, { order })
  await answerOf(child)
  return {
    go: () => {
      send(child, 'go')
      return async () => {
        send(child, 'halt')
        const answer = await answerOf(child)
        if (answer === 'connected') throw new TypeError('the imaging load answered out of turn')
        return answer.timed
      }
    },
    close: () => child.disconnect(),
  }
}

function send(child: ChildProcess, message: ToLoad): void {
  child.send(message)
}

async function answerOf(child: ChildProcess): Promise<FromLoad> {
  const ended = once(child, 'exit').then(() => {
    throw new TypeError('the imaging load ended')
  })
  const [answer] = (await Promise.race([once(child, 'message'), ended])) as [FromLoad]
  return answer
}

/** The other process: asks from its order's lanes between `go` and `halt`, until its parent is gone. */
export async function serveImagingLoad(channel: NodeJS.Process): Promise<void> {
  const tell = (message: FromLoad) => channel.send?.(message)
  const [{ order }] = (await once(channel, 'message')) as [{ order: ImagingOrder }]
  const { models } = await outsideModels()
  const devices = openDevices(order.url, order.identities)
  await devices.connect('/v1/models')
  const call = decisionCall(await imagingModel(models), order.summary, devices)
  let isHalted = true
  channel.on('message', (message: ToLoad) => {
    isHalted = message === 'halt'
    if (message === 'go') void askUntil(() => isHalted, call, order.lanes, 0).then((timed) => tell({ timed }))
  })
  channel.once('disconnect', () => {
    isHalted = true
    devices.close()
  })
  tell('connected')
}
