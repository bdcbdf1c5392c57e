import { expect, test } from 'vitest'
import { roles } from '../access/principal.ts'
import { priorities, rankOf } from '../inference/priority.ts'
import { purposes } from './types.ts'
import { urgencyOf } from './urgency.ts'

const image = [(async function* () {})()]

test.each([
  ['bedside', 'treatment', 'bedside'],
  ['bedside', 'demonstration', 'bedside'],
  ['bedside', 'quality', 'batch'],
  ['clinician', 'treatment', 'reading-room'],
  ['clinician', 'quality', 'batch'],
  ['engineer', 'treatment', 'batch'],
  ['officer', 'quality', 'batch'],
] as const)('%s for %s is %s', (role, purpose, expected) => {
  expect(urgencyOf({ purpose }, role)).toBe(expected)
})

test('an image is never as urgent as what is asked at the bedside', () => {
  expect(urgencyOf({ purpose: 'treatment', image }, 'bedside')).toBe('reading-room')
})

test('by number, 1 is the most urgent, and what is beyond the last is the last', () => {
  const asked = [1, 2, 3, 4, 2 ** 32 - 1].map((priority) => urgencyOf({ purpose: 'treatment', priority }, 'bedside'))
  expect(asked).toEqual(['bedside', 'reading-room', 'batch', 'batch', 'batch'])
})

test('a request may lower its own, and nobody may raise it', () => {
  for (const role of roles)
    for (const purpose of purposes) {
      const own = urgencyOf({ purpose }, role)
      for (const priority of priorities) {
        const asked = urgencyOf({ purpose, priority }, role)
        expect(rankOf(asked)).toBe(Math.max(rankOf(own), rankOf(priority)))
      }
    }
})
