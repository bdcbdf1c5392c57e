import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { subjectSchema } from '../../http/request-schemas.ts'
import { parseSubject, parseSubjectHeader } from './subject-text.ts'

const isTaken = (read: () => unknown): boolean => {
  try {
    return read() !== undefined
  } catch (error) {
    expect((error as { code?: string }).code).toBe('oip_parameter_invalid')
    return false
  }
}

describe('the subject', () => {
  it('is one here exactly when it is one in POST /v1/decisions', () => {
    const odd = fc.constantFrom(
      ' ',
      'a',
      'ñ',
      'n\u0303',
      '\u200b',
      '\n',
      '\u2028',
      '\ud83e\uddea',
      '\ud800',
      '\u00a0',
      '7',
    )
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 140 }),
      fc.array(odd, { maxLength: 130 }).map((list) => list.join('')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        expect(isTaken(() => parseSubject(text))).toBe(subjectSchema.safeParse(text).success)
      }),
      { numRuns: 2000 },
    )
    for (const length of [128, 129]) {
      const text = '\ud83e\uddea'.repeat(length)
      expect(isTaken(() => parseSubject(text))).toBe(length === 128)
    }
  })

  it('comes in a header percent-encoded, and once', () => {
    expect(parseSubjectHeader('Nu%C3%B1ez-1')).toBe('Nuñez-1')
    expect(parseSubjectHeader(undefined)).toBeUndefined()
    for (const value of ['', '%', '%zz', '%ff', 'ñ', ['a', 'b']])
      expect(isTaken(() => parseSubjectHeader(value))).toBe(false)
  })
})
