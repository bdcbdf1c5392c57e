import { z } from 'zod'
import { deviceState } from '../../device/outbound/device-state.ts'
import { checkpointMessage } from '../../device/outbound/messages.ts'
import { outboundRow } from './outbound.ts'

/** What the runtime says to egress over their socket. Each request may come twice: the answer is then the same. */
export const MAX_HANDOVER_ROWS = 256

/** Which log the rows come from: hash of its origin and key. A restored runtime starts a new log, and with it new row numbers. */
const source = z.string().regex(/^[0-9a-f]{64}$/)
const rowNumber = z.int().min(1).max(Number.MAX_SAFE_INTEGER)
/** Highest row number that this runtime has removed because egress held it: what egress must know of, or its queue is an older copy. */
const given = z.int().min(0).max(Number.MAX_SAFE_INTEGER)

export const helloRequest = z.strictObject({ source, given })
export const recordsRequest = z.strictObject({
  source,
  given,
  rows: z
    .array(z.strictObject({ seq: rowNumber, row: outboundRow }))
    .min(1)
    .max(MAX_HANDOVER_ROWS)
    .refine((rows) => rows.every(({ seq }, place) => place === 0 || seq > (rows[place - 1]?.seq ?? 0))),
})
export const checkpointRequest = z.strictObject({ checkpoint: checkpointMessage })
export const deviceStateRequest = z.strictObject({ device: deviceState })

/** Highest row number of this source that egress holds or has sent: the runtime need not keep what is up to here. */
export const takenAnswer = z.strictObject({ taken: z.int().min(0).max(Number.MAX_SAFE_INTEGER) })

/** How egress stands with the fleet: what an engineer is told, and nothing that is sent. */
export const fleetLink = z.strictObject({
  isConnected: z.boolean(),
  /** Since it has been so. */
  seconds: z.int().min(0),
  /** Records that the fleet manager has not acknowledged. */
  waiting: z.int().min(0),
  certificate: z.enum(['in order', 'expires soon', 'expired', 'issued wrongly', 'not renewable']),
})
export const deviceStateAnswer = z.strictObject({ fleet: fleetLink })

export const handoverMethods = {
  hello: 'hello',
  records: 'records',
  checkpoint: 'checkpoint',
  deviceState: 'device-state',
} as const

export type FleetLink = z.infer<typeof fleetLink>
export type RecordsRequest = z.infer<typeof recordsRequest>
export type HandedRow = RecordsRequest['rows'][number]
