import { openPlaces, pathText } from '../../../models/authoring/mark.ts'

/** What a vendor writes in the open places whose path is like this; the first that fits counts. */
export type Decisions = readonly (readonly [path: RegExp, value: unknown])[]

/**
 * A draft with a decision in each of its open places.
 * @returns the draft, and the places that nothing was decided for, with what is asked there
 */
export function decideAll(draft: unknown, decisions: Decisions): { manifest: unknown; left: readonly string[] } {
  const manifest: unknown = structuredClone(draft)
  const left = openPlaces(draft).flatMap(({ path, asked }) => {
    const text = pathText(path)
    const decision = decisions.find(([pattern]) => pattern.test(text))
    if (decision === undefined) return [`${text}: ${asked}`]
    const holder = path.slice(0, -1).reduce<unknown>((value, step) => (value as Holder)[step], manifest) as Holder
    holder[path.at(-1) ?? ''] = decision[1]
    return []
  })
  return { manifest, left }
}

type Holder = Record<string | number, unknown>

/** What is asked of every model, as one answers who only wants to see it run. */
export const commonDecisions: Decisions = [
  [/^(display|intendedUse|provenance)$/, 'A model made for a test'],
  [/^contraindications\.0$/, 'Any clinical use'],
  [/^licence$/, 'Apache-2.0'],
  [/^sourceAttributes\./, 'None: it was made for a test'],
  [/^contract\.population\.description$/, 'Nobody: drawings'],
  [/^contract\.validityMinutes$/, 60],
  [/\.display$/, 'Example'],
]
