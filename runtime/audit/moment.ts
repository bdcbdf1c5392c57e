const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/

/**
 * An RFC 3339 moment with its offset, in the form that leaves carry: UTC, milliseconds. A finer fraction is rounded up, which
 * for both ends of a half-open range means exactly the same leaves.
 * @returns undefined for anything else: dates that do not exist, leap seconds, a moment without offset
 */
export function parseMoment(text: string): string | undefined {
  const match = RFC3339.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const [fraction = '', sign, hours = '00', minutes = '00'] = match.slice(7)
  if (hour > 23 || minute > 59 || second > 59 || Number(hours) > 23 || Number(minutes) > 59) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1)
  const moment = new Date(date.getTime() - offsetMs + Math.ceil(Number(`0.${fraction || '0'}`) * 1000))
  const stored = moment.toISOString()
  return stored.length === 24 ? stored : undefined
}
