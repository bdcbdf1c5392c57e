import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimalRational, divide, rational, rationalNumber, roundHalfAway } from './decimal.ts'

/** Rounding by hand on the written-out decimal, as one does on paper. */
function onPaper(value: number, decimals: number): number {
  const [mantissa = '', exponent = '0'] = Math.abs(value).toString().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const point = whole.length + Number(exponent)
  const digits = `${'0'.repeat(Math.max(0, 1 - point))}${whole}${fraction}`.padEnd(
    Math.max(1, point) + decimals + 1,
    '0',
  )
  const keep = Math.max(1, point) + decimals
  const kept = BigInt(digits.slice(0, keep)) + (digits[keep]! >= '5' ? 1n : 0n)
  const size = Number(`${kept}e-${decimals}`)
  return value < 0 && size !== 0 ? -size : size
}

describe('rounding, half away from zero, on decimals', () => {
  it.each([
    [38.05, 1, 38.1],
    [38.04, 1, 38],
    [38.049999, 1, 38],
    [1.005, 2, 1.01],
    [-1.005, 2, -1.01],
    [-38.05, 1, -38.1],
    [2.5, 0, 3],
    [-2.5, 0, -3],
    [0.5, 0, 1],
    [0.49999999999999994, 0, 0],
    [8.345, 2, 8.35],
    [1.45, 1, 1.5],
    [9.995, 2, 10],
    [1e21, 3, 1e21],
    [1.7976931348623157e308, 6, 1.7976931348623157e308],
    [5e-324, 6, 0],
    [1e-7, 6, 0],
    [5e-7, 6, 1e-6],
    [0, 2, 0],
  ])('%d to %i decimals is %d', (value, decimals, expected) => {
    expect(roundHalfAway(value, decimals)).toBe(expected)
  })

  it('never gives −0', () => {
    for (const value of [-0, -0.04, -5e-324]) expect(Object.is(roundHalfAway(value, 1), 0)).toBe(true)
  })

  it('is what one does on paper', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer({ min: 0, max: 6 }),
        (value, decimals) => Object.is(roundHalfAway(value, decimals), onPaper(value, decimals)),
      ),
      { numRuns: 2000 },
    )
  })

  it('is right on every decimal with one digit too many', () => {
    const digits = fc.integer({ min: -10_000_000, max: 10_000_000 })
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 5 }), (count, decimals) => {
        const tenth = Math.trunc(count / 10)
        const expected = tenth + (Math.abs(count % 10) >= 5 ? Math.sign(count) : 0)
        const rounded = roundHalfAway(Number(`${count}e-${decimals + 1}`), decimals)
        return rounded === Number(`${expected}e-${decimals}`)
      }),
      { numRuns: 2000 },
    )
  })

  it('symmetric, and rounding twice changes nothing', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer({ min: 0, max: 6 }),
        (value, decimals) => {
          const rounded = roundHalfAway(value, decimals)
          return -rounded === roundHalfAway(-value, decimals) + 0 && roundHalfAway(rounded, decimals) === rounded
        },
      ),
    )
  })
})

describe('rationals', () => {
  it('every finite number is its own decimal', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        return rationalNumber(decimalRational(value)) === value
      }),
      { numRuns: 2000 },
    )
  })

  it('thirds are as near as a number gets, and signs stay with the numerator', () => {
    expect(rationalNumber(rational(1n, 3n))).toBe(1 / 3)
    expect(divide(rational(1n), rational(-3n))).toEqual({ numerator: -1n, denominator: 3n })
    expect(rationalNumber(rational(-2n, 3n))).toBe(-2 / 3)
    expect(rationalNumber(rational(10n ** 400n))).toBe(Number.POSITIVE_INFINITY)
  })
})
