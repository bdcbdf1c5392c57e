import type Sqlite from 'better-sqlite3'
import type { StateMessage } from '../../device/outbound/messages.ts'
import { canonicalJson } from '../../device/platform/canonical-json.ts'

export interface DeviceStates {
  /** `isRetained`: the broker sent it because it is the last one it has, not because it was just said. */
  add(device: number, message: StateMessage, isRetained: boolean, nowMs: number): void
}

interface StateRow {
  readonly stream: number
  readonly boot: number
  readonly is_online: number
}

/**
 * Last known states. Every collector hears every state in the order of the broker, so that the last to write has the last
 * one; what is passed over is the last will of a start that has been followed by another.
 */
export function createDeviceStates(database: Sqlite.Database): DeviceStates {
  const find = database.prepare<[number], StateRow>('SELECT stream, boot, is_online FROM state WHERE device = ?')
  const put = database.prepare<
    [number, number, number, number, number, number, number | null, string | null, string | null]
  >(`
    INSERT INTO state (device, stream, boot, is_online, since_ms, heard_at_ms, last, how, condition)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (device) DO UPDATE SET
      since_ms = CASE WHEN is_online = excluded.is_online AND boot = excluded.boot THEN since_ms ELSE excluded.since_ms END,
      stream = excluded.stream, boot = excluded.boot, is_online = excluded.is_online, heard_at_ms = excluded.heard_at_ms,
      last = coalesce(excluded.last, last), how = excluded.how, condition = coalesce(excluded.condition, condition)`)
  return {
    add: (device, message, isRetained, nowMs) => {
      const { stream, boot } = message
      if (message.status === 'online') {
        const condition = message.device === null ? null : canonicalJson(message.device)
        put.run(device, stream, boot, 1, nowMs, nowMs, message.last, null, condition)
        return
      }
      const row = find.get(device)
      if (row !== undefined && isOutdated(row, message, isRetained)) return
      put.run(device, stream, boot, 0, nowMs, nowMs, null, message.how, null)
    },
  }
}

/** Boots are counted within a stream. Of another stream nothing says which came first, but that the broker has it as its last. */
function isOutdated(row: StateRow, { stream, boot }: StateMessage, isRetained: boolean): boolean {
  if (row.stream === stream) return boot < row.boot
  return row.is_online === 1 && !isRetained
}
