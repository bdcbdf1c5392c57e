/** Stands at the start of a text in whose place a person has to put something. No finished manifest has it anywhere. */
export const MARK = 'DECIDE: '

export function decide(what: string): string {
  return `${MARK}${what}`
}

/** A place in a draft that is still open. */
export interface OpenPlace {
  readonly path: readonly (string | number)[]
  readonly asked: string
}

/** Every text of a draft that holds the mark, also in the middle of what somebody began to write. */
export function openPlaces(value: unknown, path: readonly (string | number)[] = []): OpenPlace[] {
  if (typeof value === 'string') {
    const at = value.indexOf(MARK)
    return at < 0 ? [] : [{ path, asked: value.slice(at + MARK.length) }]
  }
  if (typeof value !== 'object' || value === null) return []
  const members = Array.isArray(value) ? value.entries() : Object.entries(value)
  return [...members].flatMap(([name, member]) => openPlaces(member, [...path, name]))
}

export function pathText(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'manifest' : path.map(String).join('.')
}
