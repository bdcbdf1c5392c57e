import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { sharedData } from '../../house/shared-data.ts'
import { parseIcuStay } from '../icu-stays/stay.ts'
import { challengeColumns, labelColumn } from './columns.ts'
import { hourlyRows, observationsAt } from './hourly.ts'

const columns = [...Object.keys(challengeColumns), 'Gender', labelColumn]

const parseStay = (text: string) => hourlyRows(parseIcuStay(text))

function psv(...hours: Record<string, string>[]): string {
  const lines = hours.map((hour) => columns.map((column) => hour[column] ?? (column === labelColumn ? '0' : 'NaN')))
  return `${[columns, ...lines].map((cells) => cells.join('|')).join('\n')}\n`
}

function codeOf(text: string): string {
  try {
    parseStay(text)
    return 'parsed'
  } catch (error) {
    return isWardstoneError(error) ? error.code : 'untyped'
  }
}

describe('hourlyRows', () => {
  it('reads measured values under input names with units, and the label', () => {
    const rows = parseStay(psv({ HR: '93', Temp: '36.5' }, { Lactate: '2.1', [labelColumn]: '1' }))
    expect(rows).toEqual([
      {
        hour: 0,
        values: { 'heart-rate': { value: 93, unit: '/min' }, temperature: { value: 36.5, unit: 'Cel' } },
        septic: false,
      },
      { hour: 1, values: { lactate: { value: 2.1, unit: 'mmol/L' } }, septic: true },
    ])
  })

  it('takes a file without label, with CRLF, without a last line end', () => {
    const text = `${Object.keys(challengeColumns).join('|')}\r\n${Object.keys(challengeColumns)
      .map(() => '1')
      .join('|')}`
    expect(parseStay(text)[0]).not.toHaveProperty('septic')
    expect(Object.keys(parseStay(text)[0]!.values)).toHaveLength(Object.keys(challengeColumns).length)
  })

  it('refuses what is not a stay, with a code and without the content', () => {
    const good = psv({ HR: '93' })
    expect(codeOf('')).toBe('stay_malformed')
    expect(codeOf(good.replace('Gender', 'HR'))).toBe('stay_malformed')
    for (const bad of ['9e1', '0x5D', ' 93', 'Infinity', '', '93|1', '-', '1'.repeat(40)]) {
      expect(codeOf(psv({ HR: bad })), bad).toBe('stay_malformed')
    }
    expect(codeOf(psv({ [labelColumn]: '2' }))).toBe('stay_malformed')
    expect(() => parseStay(psv({ HR: 'Smith' }))).toThrow(/^(?!.*Smith)/)
  })

  it('bounds bytes, hours and columns', () => {
    expect(codeOf('x'.repeat(1024 * 1024 + 1))).toBe('stay_oversized')
    expect(codeOf(psv(...Array.from({ length: 2001 }, () => ({}))))).toBe('stay_oversized')
    expect(codeOf(Array.from({ length: 65 }, (_, at) => `c${at}`).join('|'))).toBe('stay_oversized')
  })

  it('answers any text with rows or a typed error', () => {
    fc.assert(fc.property(fc.string({ maxLength: 400 }), (text) => codeOf(text) !== 'untyped'))
    const mutated = fc.tuple(fc.nat(200), fc.string({ maxLength: 3 })).map(([at, insert]) => {
      const good = psv({ HR: '93', Temp: '36.5' })
      return good.slice(0, at) + insert + good.slice(at + 1)
    })
    fc.assert(fc.property(mutated, (text) => codeOf(text) !== 'untyped'))
  })

  it.skipIf(!sharedData)('reads real stays', () => {
    const folder = join(sharedData ?? '', 'sepsis', 'sepsyd-expected')
    const names = readdirSync(folder).filter((name) => name.endsWith('.psv'))
    expect(names.length).toBe(20)
    for (const name of names) expect(parseStay(readFileSync(join(folder, name), 'utf8')).length).toBeGreaterThan(0)
  })
})

describe('observationsAt', () => {
  const rows = parseStay(psv({ HR: '70' }, { HR: '71', Temp: '37' }, { HR: '72' }))

  it('gives what was known at a row, oldest first, an hour apart', () => {
    expect(observationsAt(rows, 1, ['heart-rate', 'temperature', 'spo2'], 10_000_000, 25)).toEqual({
      'heart-rate': [
        { value: 70, unit: '/min', atMs: 6_400_000 },
        { value: 71, unit: '/min', atMs: 10_000_000 },
      ],
      temperature: [{ value: 37, unit: 'Cel', atMs: 10_000_000 }],
    })
  })

  it('looks back no further than asked', () => {
    expect(observationsAt(rows, 2, ['heart-rate', 'temperature'], 0, 1)).toEqual({
      'heart-rate': [{ value: 72, unit: '/min', atMs: 0 }],
    })
  })
})
