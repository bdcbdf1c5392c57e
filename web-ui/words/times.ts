const clockFormat = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const shortFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const dayFormat = new Intl.DateTimeFormat('sv-SE', { year: 'numeric', month: '2-digit', day: '2-digit' })

/** `10:42:07`, on the clock of whoever looks. */
export function clockText(at: string | number): string {
  return textOf(at, clockFormat)
}

/** `2026-01-05 10:42:07`. */
export function momentText(at: string | number): string {
  const day = textOf(at, dayFormat)
  return day === UNKNOWN ? UNKNOWN : `${day} ${clockText(at)}`
}

/** The time alone when it is today, else with the day: a result of yesterday never looks like one of now. */
export function nearText(at: string | number, nowMs: number): string {
  return textOf(at, dayFormat) === textOf(nowMs, dayFormat) ? textOf(at, shortFormat) : momentText(at)
}

/** `3 min`, `5 h 20 min`: how long something is, rounded down. */
export function spanText(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return 'less than a minute'
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return `${Math.floor(hours / 24)} days`
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}

export function ageText(at: string, referenceMs: number): string {
  const ms = referenceMs - Date.parse(at)
  if (!Number.isFinite(ms)) return UNKNOWN
  return ms < 60_000 ? 'just before' : `${spanText(ms)} before`
}

const UNKNOWN = 'unknown'

function textOf(at: string | number, format: Intl.DateTimeFormat): string {
  const ms = typeof at === 'number' ? at : Date.parse(at)
  return Number.isFinite(ms) ? format.format(ms) : UNKNOWN
}
