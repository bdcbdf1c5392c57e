import type { Catalogue } from '../../device/outbound/catalogue.ts'
import type { DeviceState } from '../../device/outbound/device-state.ts'
import { type OutboundRecord, yearOf } from '../../device/outbound/record.ts'
import { type ChannelMethod, channelMethod } from '../../device/platform/channel.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { checkpointRequest, deviceStateRequest, handoverMethods, helloRequest, recordsRequest } from './handover.ts'
import type { OutboundRow } from './outbound.ts'
import type { EgressQueue } from './queue.ts'

export interface IntakeOptions {
  readonly queue: EgressQueue
  readonly clock: Clock
  catalogue(): Catalogue
  /** Something to send has come. */
  wake(): void
  setDeviceState(state: DeviceState): void
}

/** What the runtime may ask of egress. An answer is given only after what it says is durable. */
export function createIntake(options: IntakeOptions): Record<string, ChannelMethod> {
  const { queue, clock, catalogue, wake, setDeviceState } = options
  return {
    [handoverMethods.hello]: channelMethod(helloRequest, ({ source }) => ({ taken: queue.taken(source) })),
    [handoverMethods.records]: channelMethod(recordsRequest, ({ source, rows }) => {
      const known = catalogue()
      const nowMs = clock.nowMs()
      const taken = queue.append(
        source,
        rows.map(({ seq, row }) => ({ seq, record: narrow(row, known, nowMs) })),
      )
      wake()
      return { taken }
    }),
    [handoverMethods.checkpoint]: channelMethod(checkpointRequest, ({ checkpoint }) => {
      queue.saveCheckpoint(checkpoint)
      wake()
      return {}
    }),
    [handoverMethods.deviceState]: channelMethod(deviceStateRequest, ({ device }) => {
      setDeviceState(device)
      wake()
      return {}
    }),
  }
}

/** From here on there is no text: the model is its number in the catalogue, and of the time there is the year. */
export function narrow(row: OutboundRow, catalogue: Catalogue, nowMs: number): OutboundRecord {
  const model = catalogue.numberOf(row.model, row.release)
  const common = { model, alert: row.alert, year: yearOf(nowMs) }
  if (row.kind === 'feedback')
    return { ...common, kind: 'feedback', result: 'none', latency: 'under-10ms', feedback: row.feedback }
  return { ...common, kind: 'decision', result: row.result, latency: row.latency, feedback: 'none' }
}
