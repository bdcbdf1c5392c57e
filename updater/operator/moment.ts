const FORM = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{3})?)?Z)?$/

/**
 * A day (its start) or a moment in UTC: `2026-03-01`, `2026-03-01T10:00:00Z`.
 * @returns milliseconds since the epoch, or undefined for anything else, and for days that no calendar has
 */
export function momentMs(text: string): number | undefined {
  const ms = FORM.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text.slice(0, 10)) return undefined
  return ms
}
