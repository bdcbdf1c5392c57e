/**
 * `stop`: something does not do its work. `limit`: it does, less well or less safely. `watch`: it does, and somebody should see to it
 * soon. In the order in which they are shown.
 */
export const severities = ['stop', 'limit', 'watch'] as const
export type Severity = (typeof severities)[number]

/** Something that a person should see to. */
export interface Concern {
  /** Names its kind, in lower case with underscores. */
  readonly code: string
  /** Tells it from others of its kind, where there can be several: a path, a source. */
  readonly about?: string
  readonly severity: Severity
  /** What is wrong; free of anything about a patient. */
  readonly text: string
  /** What a person does about it, without having to read anything else first. */
  readonly todo: string
}

/** Both in one line. */
export function sentenceOf({ text, todo }: Concern): string {
  return `${text} ${todo}`
}
