import { findingMeanings } from './findings.ts'
import { type DeviceView, type FleetView, SLOT_MS } from './reading.ts'

const BARS = '▁▂▃▄▅▆▇█'
const MAX_FINDINGS_SHOWN = 5
const HEAD = ['DEVICE', 'STATE', 'SINCE', 'RECORDS', '/MIN', 'WAITING', 'LOG', 'CHECKED', 'FINDINGS'] as const
const NUMBERS = [3, 4, 5, 6, 8]

/**
 * The fleet as text, one line per device; names and words only of our own alphabet, so that nothing that a device sends
 * reaches the terminal.
 * @param maxRows rows of the terminal; devices that do not fit are counted
 */
export function watchScreen(view: FleetView, maxRows: number): string {
  const lines = [summary(view), traffic(view), '']
  const findings = findingLines(view)
  const room = Math.max(1, maxRows - lines.length - findings.length - 2)
  // What needs a look comes first.
  const sorted = view.devices.toSorted((a, b) => rank(a) - rank(b) || (a.device < b.device ? -1 : 1))
  const shown = sorted.length > room ? sorted.slice(0, room - 1) : sorted
  lines.push(...table([HEAD, ...shown.map((device) => cells(device, view.atMs))]))
  if (shown.length < sorted.length) lines.push(`… and ${sorted.length - shown.length} more`)
  if (sorted.length === 0) lines.push('No device has been heard yet.')
  return `${[...lines, ...findings].join('\n')}\n`
}

function summary({ atMs, devices, stored }: FleetView): string {
  const counted = (state: DeviceView['state']) => devices.filter((device) => device.state === state).length
  const states = (['online', 'quiet', 'offline', 'unknown'] as const)
    .filter((state) => state === 'online' || counted(state) > 0)
    .map((state) => `${counted(state)} ${state}`)
  const count = devices.length === 1 ? '1 device' : `${devices.length} devices`
  return `${new Date(atMs).toISOString()}  ${count}: ${states.join(', ')}  ${stored} ${stored === 1 ? 'record' : 'records'}`
}

function traffic({ traffic: slots, alertsLastMinute }: FleetView): string {
  const most = Math.max(1, ...slots)
  const bars = slots.map((records) => (records === 0 ? ' ' : BARS[Math.ceil((records / most) * BARS.length) - 1]))
  const total = slots.reduce((sum, records) => sum + records, 0)
  return `last minute: ${total} records, ${alertsLastMinute} alerts  |${bars.join('')}|  a bar is ${SLOT_MS / 1000} s`
}

function rank({ state, findings, checkpoint }: DeviceView): number {
  if (findings > 0 || (checkpoint?.brokenSinceMs ?? null) !== null) return 0
  return state === 'online' ? 2 : 1
}

function cells(view: DeviceView, nowMs: number): string[] {
  const { checkpoint } = view
  const log = checkpoint === null ? '-' : `${checkpoint.size}${checkpoint.brokenSinceMs === null ? '' : ' BROKEN'}`
  return [
    view.device,
    view.how === null ? view.state : `${view.state} (${view.how})`,
    age(view.sinceMs, nowMs),
    String(view.stored),
    String(view.lastMinute),
    String(view.waiting),
    log,
    age(checkpoint?.receivedAtMs ?? null, nowMs),
    String(view.findings),
  ]
}

function findingLines({ findings, atMs }: FleetView): string[] {
  if (findings.length === 0) return []
  const shown = findings
    .slice(0, MAX_FINDINGS_SHOWN)
    .map(
      ({ device, kind, times, lastAtMs }) =>
        `${device}  ${kind}, ${times}×, last ${age(lastAtMs, atMs)} ago: ${findingMeanings[kind]}`,
    )
  const more = findings.length - shown.length
  return ['', 'Findings:', ...shown, ...(more > 0 ? [`… and ${more} more: wardstone-fleet findings`] : [])]
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        NUMBERS.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}

function age(atMs: number | null, nowMs: number): string {
  if (atMs === null) return '-'
  const seconds = Math.max(0, Math.floor((nowMs - atMs) / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`
}
