import type { Catalogue } from '../../device/outbound/catalogue.ts'
import type { DeviceState } from '../../device/outbound/device-state.ts'
import type { CheckpointMessage } from '../../device/outbound/messages.ts'
import { type OutboundRecord, yearOf } from '../../device/outbound/record.ts'
import { type ChannelMethod, channelMethod } from '../../device/platform/channel.ts'
import type { Clock } from '../../device/platform/clock.ts'
import {
  checkpointRequest,
  deviceStateRequest,
  type FleetLink,
  handoverMethods,
  helloRequest,
  recordsRequest,
} from './handover.ts'
import type { OutboundRow } from './outbound.ts'
import type { EgressQueue } from './queue.ts'

export interface IntakeOptions {
  readonly queue: EgressQueue
  readonly clock: Clock
  catalogue(): Catalogue
  /** Something to send has come. */
  wake(): void
  setDeviceState(state: DeviceState): void
  /** How it stands with the fleet. */
  fleetLink(): FleetLink
  setCheckpoint(checkpoint: CheckpointMessage): void
}

/**
 * What the runtime may ask of egress. An answer to records is given only after they are durable. State and checkpoint are kept in
 * memory: the runtime says them again, and what it does not say in this run may come from another time.
 */
export function createIntake(options: IntakeOptions): Record<string, ChannelMethod> {
  const { queue, clock, catalogue, wake, setDeviceState, setCheckpoint } = options
  return {
    [handoverMethods.hello]: channelMethod(helloRequest, ({ source, given }) => ({ taken: queue.meet(source, given) })),
    [handoverMethods.records]: channelMethod(recordsRequest, ({ source, given, rows }) => {
      const known = catalogue()
      const nowMs = clock.nowMs()
      queue.meet(source, given)
      const taken = queue.append(
        source,
        rows.map(({ seq, row }) => ({ seq, record: narrow(row, known, nowMs) })),
      )
      wake()
      return { taken }
    }),
    [handoverMethods.checkpoint]: channelMethod(checkpointRequest, ({ checkpoint }) => {
      setCheckpoint(checkpoint)
      wake()
      return {}
    }),
    [handoverMethods.deviceState]: channelMethod(deviceStateRequest, ({ device }) => {
      setDeviceState(device)
      wake()
      return { fleet: options.fleetLink() }
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
