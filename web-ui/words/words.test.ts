import { describe, expect, it } from 'vitest'
import { bytesText, durationText, numberText, percentText, signedText } from './numbers.ts'
import { byLap, flagText, lapText } from './terms.ts'
import { ageText, nearText, spanText } from './times.ts'
import { withUnit } from './units.ts'

describe('numbers in words', () => {
  it.each([
    [0, '0.0 %'],
    [0.0004, '< 0.1 %'],
    [0.0713, '7.1 %'],
    [0.99996, '> 99.9 %'],
    [1, '100.0 %'],
  ])('the share %d is %s', (share, text) => {
    expect(percentText(share)).toBe(text)
  })

  it.each([
    [2, 0, '+2'],
    [-0.62, 1, '−0.6'],
    [-0.01, 1, '0.0'],
    [0, 0, '0'],
  ])('%d with %d decimals is %s', (value, digits, text) => {
    expect(signedText(value, digits)).toBe(text)
  })

  it('says times and sizes in the unit that fits', () => {
    expect([420, 5120, 42_000, 2_300_000].map(durationText)).toEqual(['420 µs', '5.1 ms', '42 ms', '2.3 s'])
    expect(bytesText(1_840_233)).toBe('1.8 MB')
    expect([38.6, 1e-7, 120, 0.5, Number.NaN].map(numberText)).toEqual(['38.6', '1.00e-7', '120', '0.5', 'NaN'])
  })
})

describe('times in words', () => {
  it('never lets a result of another day look like one of now', () => {
    const now = Date.parse('2026-01-05T12:00:00')
    expect(nearText('2026-01-05T09:05:00', now)).toBe('09:05')
    expect(nearText('2026-01-04T23:59:00', now)).toBe('2026-01-04 23:59:00')
  })

  it('rounds what is left down', () => {
    expect([59_000, 119 * 60_000, 320 * 60_000, 49 * 3_600_000].map(spanText)).toEqual([
      'less than a minute',
      '119 min',
      '5 h 20 min',
      '2 days',
    ])
    expect(ageText('2026-01-05T09:00:00Z', Date.parse('2026-01-05T14:20:00Z'))).toBe('5 h 20 min before')
    expect(ageText('never', 0)).toBe('unknown')
  })
})

it('has words for what the API names, and shows what it has none for', () => {
  expect(flagText('stale')).toBe('too old to be used as current')
  expect(flagText('constructor')).toBe('constructor')
  expect(lapText('inferUs')).toBe('run the model')
  expect(['odd', 'explainUs', 'inferUs', 'receiveUs'].sort(byLap)).toEqual(['receiveUs', 'inferUs', 'explainUs', 'odd'])
  expect(withUnit('38.6', 'Cel')).toBe('38.6 °C')
  expect(withUnit('8', '{score}')).toBe('8')
})
