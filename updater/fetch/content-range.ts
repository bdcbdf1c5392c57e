export interface ContentRange {
  readonly first: number
  readonly last: number
  /** Of the whole file, or undefined where the server does not know it. */
  readonly totalBytes: number | undefined
}

/** `bytes 0-99/200` (RFC 9110 section 14.4), undefined for anything else and for a range that contradicts itself. */
export function parseContentRange(text: string | undefined): ContentRange | undefined {
  const [, first, last, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(text ?? '') ?? []
  if (first === undefined || last === undefined) return undefined
  const range = { first: Number(first), last: Number(last), totalBytes: total === '*' ? undefined : Number(total) }
  const isSound = range.first <= range.last && (range.totalBytes === undefined || range.last < range.totalBytes)
  return isSound ? range : undefined
}

/** The length in `bytes *` slash `200`, which comes with status 416; undefined for anything else. */
export function parseUnsatisfiedRange(text: string | undefined): number | undefined {
  const [, total] = /^bytes \*\/(\d{1,15})$/.exec(text ?? '') ?? []
  return total === undefined ? undefined : Number(total)
}
