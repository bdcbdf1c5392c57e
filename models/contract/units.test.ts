import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Refusal } from './errors.ts'
import { convertUnit, isKnownUnit, unitsMarkdown } from './units.ts'

const page = fileURLToPath(new URL('../../docs/units.md', import.meta.url))

/** Of docs/units.md: quantity → codes. */
const codesOf = new Map<string, string[]>()
for (const [, quantity = '', code = ''] of unitsMarkdown().matchAll(/^\| ([a-z ]+?) +\| `(.+?)` +\|/gm)) {
  codesOf.set(quantity, [...(codesOf.get(quantity) ?? []), code])
}

function codeOf(convert: () => unknown): string {
  try {
    convert()
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
  return 'converted'
}

describe('exact pairs', () => {
  it.each([
    [95, '[degF]', 'Cel', 35],
    [98.6, '[degF]', 'Cel', 37],
    [100.4, '[degF]', 'Cel', 38],
    [-40, '[degF]', 'Cel', -40],
    [37, 'Cel', '[degF]', 98.6],
    [37, 'Cel', 'K', 310.15],
    [310.15, 'K', 'Cel', 37],
    [36.6, 'Cel', 'K', 309.75],
    [-273.15, 'Cel', 'K', 0],
    [0, 'K', '[degF]', -459.67],
    [120, 'mm[Hg]', 'kPa', 15.99864],
    [15.99864, 'kPa', 'mm[Hg]', 120],
    [10, 'cm[H2O]', 'Pa', 980.665],
    [1, 'bar', 'hPa', 1000],
    [1.5, 'Hz', '/min', 90],
    [60, '/h', '/min', 1],
    [97, '%', '1', 0.97],
    [0.21, '1', '%', 21],
    [0.42, 'L/L', '%', 42],
    [5.5, 'mmol/L', 'umol/L', 5500],
    [90, 'mg/dL', 'g/L', 0.9],
    [14.2, 'g/dL', 'g/L', 142],
    [0.3, 'mg/L', 'ug/mL', 0.3],
    [2, 'ng/mL', 'ug/L', 2],
    [11.3, '10*3/uL', '10*9/L', 11.3],
    [4.5, '10*6/uL', '10*12/L', 4.5],
    [7, '/uL', '10*6/L', 7],
    [1, 'ukat/L', 'U/L', 60],
    [3, 'm[IU]/L', 'u[IU]/mL', 3],
    [1, 'a', 'd', 365.25],
    [1, 'mo', 'd', 30.4375],
    [2, 'wk', 'd', 14],
    [1, 'd', 'min', 1440],
    [90, 'min', 'h', 1.5],
    [71, '[in_i]', 'cm', 180.34],
    [6, '[ft_i]', 'm', 1.8288],
    [100, '[lb_av]', 'kg', 45.359237],
    [16, '[oz_av]', '[lb_av]', 1],
    [250, 'mL', 'L', 0.25],
    [2, 'L/min', 'mL/h', 120_000],
    [0.1, 'ug/kg/min', 'mg/kg/h', 0.006],
    [290, 'mosm/kg', 'osm/kg', 0.29],
    [7.4, '[pH]', '[pH]', 7.4],
  ])('%d %s = %s %d', (value, from, to, expected) => {
    expect(convertUnit(value, from, to)).toBe(expected)
  })

  it('uses the molar mass in both directions, exactly', () => {
    expect(convertUnit(1, 'mmol/L', 'mg/dL', 180.156)).toBe(18.0156)
    expect(convertUnit(18.0156, 'mg/dL', 'mmol/L', 180.156)).toBe(1)
    expect(convertUnit(113.12, 'g', 'mol', 113.12)).toBe(1)
    expect(convertUnit(1, 'mg/dL', 'umol/L', 113.12)).toBeCloseTo(88.4017, 4)
  })

  it('uses the valence between equivalents and amount, and both together for mass', () => {
    expect(convertUnit(4.1, 'meq/L', 'mmol/L', undefined, 1)).toBe(4.1)
    expect(convertUnit(5, 'meq/L', 'mmol/L', undefined, 2)).toBe(2.5)
    expect(convertUnit(2.5, 'mmol/L', 'meq/L', undefined, 2)).toBe(5)
    expect(convertUnit(5, 'meq/L', 'mg/dL', 40.078, 2)).toBe(10.0195)
  })
})

describe('refusals', () => {
  it.each([
    ...['MMHG', 'mmHg', 'MM[HG]', 'mm[hg]', 'cel', 'CEL', '°C', 'C', 'F', 'degF', 'bpm', '/MIN', 'mg/DL', 'MG/DL'],
    ...['Kpa', 'KPA', 'mEq/L', 'IU/L', '10*3', 'x10*3/uL', '', ' ', '/min ', ' /min', 'mm[Hg]\n', 'μmol/L', 'µmol/L'],
    ...[
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      '/',
      '//min',
      '/min/',
      'unknown',
      `${'m'.repeat(1e6)}`,
    ],
    // Annotations must not glue codes together, nest, stand for a divisor or stay open.
    ...['m{x}g', '{a}{b}', '{a}min', '{{a}}/min', '{a/min', 'a}/min', '{ä}/min', '{a b}/min', 'mL/min/{1.73_m2}'],
    `${'{a}'.repeat(20_000)}`,
  ])('%j is not known', (code) => {
    expect(codeOf(() => convertUnit(1, code, '/min'))).toBe('input_unit_unknown')
    expect(codeOf(() => convertUnit(1, '/min', code))).toBe('input_unit_unknown')
    expect(isKnownUnit(code)).toBe(false)
  })

  it.each([
    ['mm[Hg]', 'Cel'],
    ['mmol/L', 'mg/dL'],
    ['mg/dL', 'mmol/L'],
    ['meq/L', 'mmol/L'],
    ['U/L', '[IU]/L'],
    ['[IU]/L', 'mg/L'],
    ['1', '[pH]'],
    ['mg', 'mg/L'],
    ['mL/min', '/min'],
    ['{score}', '/min'],
  ])('%s is not %s', (from, to) => {
    expect(codeOf(() => convertUnit(1, from, to))).toBe('input_unit_incompatible')
  })

  it('no quantity converts into another without a property of the substance', () => {
    const all = [...codesOf].flatMap(([quantity, codes]) => codes.map((code) => ({ quantity, code })))
    for (const a of all) {
      for (const b of all) {
        const expected = a.quantity === b.quantity ? 'converted' : 'input_unit_incompatible'
        expect(codeOf(() => convertUnit(1, a.code, b.code))).toBe(expected)
      }
    }
  })

  it('a molar mass or valence that is none does not help', () => {
    for (const molarMass of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(codeOf(() => convertUnit(1, 'g', 'mol', molarMass))).toBe('input_unit_incompatible')
    }
    expect(codeOf(() => convertUnit(1, 'meq/L', 'mmol/L', 39.1))).toBe('input_unit_incompatible')
    expect(codeOf(() => convertUnit(1, 'mmol/L', 'Cel', 39.1, 1))).toBe('input_unit_incompatible')
  })

  it('not finite, or beyond the largest number', () => {
    expect(codeOf(() => convertUnit(Number.NaN, 'Cel', 'K'))).toBe('input_not_finite')
    expect(codeOf(() => convertUnit(Number.NEGATIVE_INFINITY, 'Cel', 'Cel'))).toBe('input_not_finite')
    expect(convertUnit(1e308, 'mol/L', 'pmol/L')).toBe(Number.POSITIVE_INFINITY)
    expect(convertUnit(5e-324, 'pmol/L', 'mol/L')).toBe(0)
  })
})

describe('spellings that UCUM has as equal', () => {
  it.each([
    ['{beats}/min', '/min'],
    ['/min{beats}', '/min'],
    ['1/min', '/min'],
    ['{score}', '1'],
    ['mg/dl', 'mg/dL'],
    ['ml', 'mL'],
    ['l', 'L'],
    ['10^3/uL', '10*3/uL'],
    ['10*3{cells}/uL', '10*3/uL'],
    ['mmol/L{plasma}', 'mmol/L'],
    ['[iU]/mL', '[IU]/mL'],
    ['mm[Hg]{mean}', 'mm[Hg]'],
  ])('%s is %s', (spelling, code) => {
    expect(convertUnit(12.5, spelling, code)).toBe(12.5)
    expect(isKnownUnit(spelling)).toBe(true)
  })
})

describe('properties', () => {
  const quantityCodes = fc.constantFrom(...codesOf.values())
  const measured = fc.double({ min: -1e6, max: 1e6, noNaN: true })
  const near = (a: number, b: number) => Math.abs(a - b) <= 1e-12 * Math.max(Math.abs(a), Math.abs(b), 1e-3)

  it('there and back again', () => {
    const sample = quantityCodes.chain((codes) =>
      fc.tuple(measured, fc.constantFrom(...codes), fc.constantFrom(...codes)),
    )
    fc.assert(
      fc.property(sample, ([value, from, to]) => {
        const back = convertUnit(convertUnit(value, from, to), to, from)
        // Scales with another zero lose the digits that the offset shifts out.
        return near(value, back) || Math.abs(value - back) <= 1e-12 * 460
      }),
    )
  })

  it('by way of a third unit', () => {
    const three = (codes: string[]) =>
      fc.tuple(measured, fc.constantFrom(...codes), fc.constantFrom(...codes), fc.constantFrom(...codes))
    fc.assert(
      fc.property(quantityCodes.chain(three), ([value, a, b, c]) => {
        const direct = convertUnit(value, a, c)
        const byWay = convertUnit(convertUnit(value, a, b), b, c)
        return near(direct, byWay) || Math.abs(direct - byWay) <= 1e-12 * 1000
      }),
    )
  })

  it('keeps order', () => {
    const sample = quantityCodes.chain((codes) =>
      fc.tuple(measured, measured, fc.constantFrom(...codes), fc.constantFrom(...codes)),
    )
    fc.assert(fc.property(sample, ([a, b, from, to]) => a > b || convertUnit(a, from, to) <= convertUnit(b, from, to)))
  })

  it('any text is a known code or refused', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (code) => {
        const outcome = codeOf(() => convertUnit(1, code, code))
        return outcome === (isKnownUnit(code) ? 'converted' : 'input_unit_unknown')
      }),
    )
  })
})

describe('docs/units.md', () => {
  it('says what the table says', async () => {
    expect(existsSync(page)).toBe(true)
    await expect(unitsMarkdown()).toMatchFileSnapshot(page)
  })
})
