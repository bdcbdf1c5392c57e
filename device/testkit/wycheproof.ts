import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sharedData } from '../../house/shared-data.ts'

type Result = 'valid' | 'invalid' | 'acceptable'
interface Vector {
  readonly tcId: number
  readonly comment: string
  readonly result: Result
}

/** What an implementation did with the vectors of one file. */
export interface Tally {
  readonly accepted: Readonly<Record<Result, number>>
  readonly refused: Readonly<Record<Result, number>>
  /** Vectors of parameters that our interface does not offer. */
  readonly outside: number
  /** An `invalid` vector accepted or a `valid` one refused: number and comment. */
  readonly wrong: readonly string[]
}

/**
 * Runs a function over every vector of a Wycheproof file. True accepts; false or any error refuses. `offers` says which vectors
 * our interface can express at all.
 */
export async function tally<Group, Test>(
  file: string,
  accepts: (test: Test, group: Group) => Promise<boolean> | boolean,
  offers: (group: Group) => boolean = () => true,
): Promise<Tally> {
  const accepted = { valid: 0, invalid: 0, acceptable: 0 }
  const refused = { valid: 0, invalid: 0, acceptable: 0 }
  const wrong: string[] = []
  let outside = 0
  for (const group of readGroups<Group, Test>(file)) {
    if (!offers(group)) outside += group.tests.length
    for (const test of offers(group) ? group.tests : []) {
      const isAccepted = await attempt(() => accepts(test, group))
      ;(isAccepted ? accepted : refused)[test.result] += 1
      if (test.result === (isAccepted ? 'invalid' : 'valid')) wrong.push(`${test.tcId} ${test.comment}`)
    }
  }
  return { accepted, refused, outside, wrong }
}

function readGroups<Group, Test>(file: string): (Group & { tests: (Test & Vector)[] })[] {
  return JSON.parse(readFileSync(join(sharedData ?? '', 'crypto/wycheproof', file), 'utf8')).testGroups
}

async function attempt(accepts: () => Promise<boolean> | boolean): Promise<boolean> {
  try {
    return await accepts()
  } catch {
    return false
  }
}
