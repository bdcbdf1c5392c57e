import type { z } from 'zod'
import { HttpError } from './errors.ts'

type Issue = z.core.$ZodIssue
const MAX_NAMED = 8
/** Members of objects in request bodies whose names the contract fixes. */
const FIXED_NAMES: ReadonlySet<string> = new Set([
  'model',
  'subject',
  'purpose',
  'priority',
  'inputs',
  'value',
  'unit',
  'at',
  'dims',
  'data',
  'base64',
  'verdict',
  'reason',
])

/**
 * Turns what the schema found into names of the contract. A name that the caller chose is shown only when it is the
 * name of an input of a loaded model; every other one is `*`, and values never appear.
 */
export function malformed(issues: readonly Issue[], knownInputs: ReadonlySet<string>): HttpError {
  const places = new Set<string>()
  for (const issue of issues) {
    if (places.size === MAX_NAMED) break
    places.add(placeOf(pathOf(issue), knownInputs))
  }
  return new HttpError('request_malformed', { about: [...places].join(', ') })
}

/** A union reports every branch; the one that got furthest is the one that was meant. */
function pathOf(issue: Issue): readonly PropertyKey[] {
  if (issue.code !== 'invalid_union') return issue.path
  const paths = issue.errors.flat().map((inner) => pathOf(inner as Issue))
  const furthest = paths.reduce((longest, path) => (path.length > longest.length ? path : longest), [])
  return [...issue.path, ...furthest]
}

function placeOf(path: readonly PropertyKey[], knownInputs: ReadonlySet<string>): string {
  const names = path.map((part, depth) => {
    if (typeof part === 'number') return `[${part}]`
    const name = String(part)
    const isOurs = depth === 1 && path[0] === 'inputs' ? knownInputs.has(name) : FIXED_NAMES.has(name)
    return isOurs ? name : '*'
  })
  return names.length === 0 ? 'body' : names.join('.').replaceAll('.[', '[')
}
