import { add, decimalRational, divide, multiply, type Rational, rational, rationalNumber, subtract } from './decimal.ts'
import { Refusal } from './errors.ts'

/**
 * Units by their UCUM codes, case-sensitive form (The Unified Code for Units of Measure, version 2.2). Only the codes
 * listed here are taken; a code is never guessed from a look-alike, so `mmHg` and `MM[HG]` are refused.
 */

/** SI prefixes that the listed codes use (UCUM table 1). */
const prefixes: Readonly<Record<string, Rational>> = {
  k: rational(1000n),
  h: rational(100n),
  d: rational(1n, 10n),
  c: rational(1n, 100n),
  m: rational(1n, 1000n),
  u: rational(1n, 10n ** 6n),
  n: rational(1n, 10n ** 9n),
  p: rational(1n, 10n ** 12n),
}

/** Atoms that take a prefix, in the base unit of their quantity (UCUM tables 2 to 10). */
const metricAtoms: Readonly<Record<string, Rational>> = {
  g: rational(1n),
  mol: rational(1n),
  eq: rational(1n),
  osm: rational(1n),
  L: rational(1n),
  m: rational(1n),
  s: rational(1n),
  K: rational(1n),
  Cel: rational(1n),
  Hz: rational(1n),
  Pa: rational(1n),
  bar: rational(100_000n),
  'm[Hg]': rational(133_322n),
  'm[H2O]': rational(980_665n, 100n),
  kat: rational(1n),
  U: rational(1n, 60n * 10n ** 6n),
  '[IU]': rational(1n),
}

/** Atoms that stand alone. A year is the Julian year of 365.25 days and a month its twelfth, as UCUM has them. */
const plainAtoms: Readonly<Record<string, Rational>> = {
  '': rational(1n),
  '1': rational(1n),
  '%': rational(1n, 100n),
  '[pH]': rational(1n),
  '10*3': rational(10n ** 3n),
  '10*6': rational(10n ** 6n),
  '10*9': rational(10n ** 9n),
  '10*12': rational(10n ** 12n),
  min: rational(60n),
  h: rational(3600n),
  d: rational(86_400n),
  wk: rational(604_800n),
  mo: rational(2_629_800n),
  a: rational(31_557_600n),
  m2: rational(1n),
  '[in_i]': rational(254n, 10_000n),
  '[ft_i]': rational(3048n, 10_000n),
  '[lb_av]': rational(45_359_237n, 100_000n),
  '[oz_av]': rational(45_359_237n, 1_600_000n),
  '[degF]': rational(5n, 9n),
}

/** The codes taken, by quantity: within one quantity any converts to any other. `base` is the code that sizes are counted in. */
const quantities: Readonly<Record<string, { readonly base: string; readonly codes: readonly string[] }>> = {
  temperature: { base: 'K', codes: ['K', 'Cel', '[degF]'] },
  pressure: { base: 'Pa', codes: ['mm[Hg]', 'Pa', 'hPa', 'kPa', 'mbar', 'bar', 'cm[H2O]'] },
  frequency: { base: '/min', codes: ['/min', 'Hz', '/s', '/h', '/d'] },
  fraction: { base: '1', codes: ['1', '%', 'L/L'] },
  time: { base: 's', codes: ['ms', 's', 'min', 'h', 'd', 'wk', 'mo', 'a'] },
  length: { base: 'm', codes: ['m', 'cm', 'mm', '[in_i]', '[ft_i]'] },
  area: { base: 'm2', codes: ['m2'] },
  mass: { base: 'g', codes: ['kg', 'g', 'mg', 'ug', 'ng', '[lb_av]', '[oz_av]'] },
  volume: { base: 'L', codes: ['L', 'dL', 'cL', 'mL', 'uL'] },
  'amount of substance': { base: 'mol', codes: ['mol', 'mmol', 'umol', 'nmol'] },
  'mass concentration': {
    base: 'g/L',
    codes: [
      ...['kg/L', 'g/L', 'mg/L', 'ug/L', 'ng/L', 'g/dL', 'mg/dL', 'ug/dL', 'ng/dL', 'pg/dL'],
      ...['g/mL', 'mg/mL', 'ug/mL', 'ng/mL', 'pg/mL'],
    ],
  },
  'substance concentration': {
    base: 'mol/L',
    codes: ['mol/L', 'mmol/L', 'umol/L', 'nmol/L', 'pmol/L', 'mmol/dL', 'umol/mL', 'nmol/mL'],
  },
  'equivalent concentration': { base: 'eq/L', codes: ['eq/L', 'meq/L', 'ueq/L', 'meq/dL', 'meq/mL'] },
  osmolality: { base: 'osm/kg', codes: ['osm/kg', 'mosm/kg'] },
  'number concentration': {
    base: '/uL',
    codes: [
      ...['/uL', '/mL', '/L', '10*3/L', '10*6/L', '10*9/L', '10*12/L'],
      ...['10*3/mL', '10*6/mL', '10*3/uL', '10*6/uL'],
    ],
  },
  'catalytic concentration': {
    base: 'U/L',
    codes: ['U/L', 'kU/L', 'mU/L', 'U/mL', 'mU/mL', 'kat/L', 'ukat/L', 'nkat/L'],
  },
  'arbitrary concentration': {
    base: '[IU]/L',
    codes: ['k[IU]/L', '[IU]/L', 'm[IU]/L', '[IU]/mL', 'm[IU]/mL', 'u[IU]/mL'],
  },
  flow: { base: 'mL/min', codes: ['mL/min', 'L/s', 'L/min', 'L/h', 'L/d', 'mL/s', 'mL/h', 'mL/d'] },
  'mass rate': { base: 'mg/h', codes: ['mg/h', 'mg/min', 'ug/min', 'g/h', 'ug/h', 'g/d', 'mg/d'] },
  'mass rate per body mass': {
    base: 'ug/kg/min',
    codes: ['ug/kg/min', 'mg/kg/min', 'ng/kg/min', 'mg/kg/h', 'ug/kg/h', 'mg/kg/d'],
  },
  'flow per body mass': { base: 'mL/kg/h', codes: ['mL/kg/h', 'mL/kg/min', 'mL/kg/d'] },
  'flow per area': { base: 'L/min/m2', codes: ['L/min/m2', 'mL/min/m2'] },
  'mass per area': { base: 'kg/m2', codes: ['kg/m2', 'g/m2'] },
  acidity: { base: '[pH]', codes: ['[pH]'] },
}

/** Scales whose zero lies elsewhere: base = (x + offset) × factor (UCUM §21, special units on non-ratio scales). */
const offsets: Readonly<Record<string, Rational>> = {
  Cel: rational(27_315n, 100n),
  '[degF]': rational(45_967n, 100n),
}

/** Quantities of one substance that differ by a property of that substance alone, which the contract must give. */
type Counted = 'mass' | 'substance' | 'charge'
const bridges: Readonly<Record<string, { readonly of: string; readonly counted: Counted }>> = {
  mass: { of: 'amount', counted: 'mass' },
  'amount of substance': { of: 'amount', counted: 'substance' },
  'mass concentration': { of: 'concentration', counted: 'mass' },
  'substance concentration': { of: 'concentration', counted: 'substance' },
  'equivalent concentration': { of: 'concentration', counted: 'charge' },
}

interface Unit {
  readonly quantity: string
  /** Exact size in the quantity's base unit. */
  readonly factor: Rational
  readonly offset: Rational
}

const zero = rational(0n)
const units: ReadonlyMap<string, Unit> = new Map(
  Object.entries(quantities).flatMap(([quantity, { base, codes }]) =>
    codes.map((code) => [
      code,
      { quantity, factor: divide(sizeOf(code), sizeOf(base)), offset: offsets[code] ?? zero },
    ]),
  ),
)

const MAX_CODE_LENGTH = 64

/** True when the code, annotations set aside, is one of those in docs/units.md. */
export function isKnownUnit(code: string): boolean {
  return units.has(plainCode(code))
}

/**
 * Converts exactly: the result is the number nearest to the true value, so 95 [degF] is 35 Cel and 36.6 stays 36.6.
 * It may be an infinity where the value is beyond what a number holds.
 * @param molarMass in g/mol; without it mass and amount of substance do not convert.
 * @param valence charges per particle; without it equivalents and amount of substance do not convert.
 * @throws Refusal input_unit_unknown | input_unit_incompatible | input_not_finite
 */
export function convertUnit(value: number, from: string, to: string, molarMass?: number, valence?: number): number {
  const source = readUnit(from)
  const target = readUnit(to)
  if (!Number.isFinite(value)) throw new Refusal('input_not_finite')
  if (plainCode(from) === plainCode(to)) return value
  const inBase = multiply(add(decimalRational(value), source.offset), source.factor)
  const bridged = multiply(inBase, bridge(source, target, molarMass, valence))
  return rationalNumber(subtract(divide(bridged, target.factor), target.offset))
}

function readUnit(code: string): Unit {
  const unit = units.get(plainCode(code))
  if (unit === undefined) throw new Refusal('input_unit_unknown')
  return unit
}

/**
 * The code as the table spells it. An annotation in braces carries no meaning of its own (UCUM §6); it is dropped only
 * where a term ends, so that it cannot glue two codes together. UCUM lists `l` beside `L`, `10^` beside `10*`, `[iU]`
 * beside `[IU]`, and lets `1/min` be written `/min`.
 */
function plainCode(code: string): string {
  // As it mostly is; the rest costs more than the conversion.
  if (units.has(code)) return code
  if (code.length === 0 || code.length > MAX_CODE_LENGTH) return 'unknown'
  const bare = code.replace(/\{[!-z|~]*\}(?=$|[./])/g, '')
  const spelt = bare
    .replace(/(?<=^|\/)([dcmu]?)l(?=$|\/)/g, '$1L')
    .replace(/^10\^/, '10*')
    .replace('[iU]', '[IU]')
    .replace(/^1\//, '/')
  return spelt === '' ? '1' : spelt
}

function bridge(source: Unit, target: Unit, molarMass: number | undefined, valence: number | undefined): Rational {
  if (source.quantity === target.quantity) return rational(1n)
  const from = bridges[source.quantity]
  const to = bridges[target.quantity]
  const perMole = { mass: molarMass, substance: 1, charge: valence }
  const fromPerMole = from && perMole[from.counted]
  const toPerMole = to && perMole[to.counted]
  if (from?.of !== to?.of || !isPositive(fromPerMole) || !isPositive(toPerMole)) {
    throw new Refusal('input_unit_incompatible')
  }
  return divide(decimalRational(toPerMole), decimalRational(fromPerMole))
}

function isPositive(value: number | undefined): value is number {
  return value !== undefined && value > 0 && Number.isFinite(value)
}

/** `a/b/c` as (a ÷ b) ÷ c, each an atom with or without prefix. */
function sizeOf(code: string): Rational {
  const [first = rational(1n), ...divisors] = code.split('/').map(atomSize)
  return divisors.reduce(divide, first)
}

function atomSize(atom: string): Rational {
  const whole = plainAtoms[atom] ?? metricAtoms[atom]
  if (whole !== undefined) return whole
  const prefix = prefixes[atom.slice(0, 1)]
  const stem = metricAtoms[atom.slice(1)]
  if (prefix === undefined || stem === undefined) throw new Refusal('input_unit_unknown')
  return multiply(prefix, stem)
}

/** docs/units.md, from the table itself. */
export function unitsMarkdown(): string {
  const rows = [...units].map(([code, unit]) => [unit.quantity, `\`${code}\``, sizeText(code, unit)])
  const table = [['quantity', 'code', 'exact size'], ...rows]
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  const lines = table.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`)
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`)
  return `${introduction}\n${lines.join('\n')}\n`
}

function sizeText(code: string, { quantity, factor, offset }: Unit): string {
  const base = quantities[quantity]?.base
  if (offset !== zero) return `(x + ${exactText(offset)}) × ${exactText(factor)} \`${base}\``
  return code === base ? 'the base' : `${exactText(factor)} \`${base}\``
}

/** A decimal where it ends, else a fraction in lowest terms. */
function exactText({ numerator, denominator }: Rational): string {
  const nearest = rationalNumber({ numerator, denominator })
  const text = decimalRational(nearest)
  if (text.numerator * denominator === numerator * text.denominator) return String(nearest)
  const shared = greatestDivisor(numerator, denominator)
  return `${numerator / shared}/${denominator / shared}`
}

function greatestDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestDivisor(b, a % b)
}

const introduction = `# Units

Quantities come with a unit as a UCUM code (The Unified Code for Units of Measure), case-sensitive form. The codes below are
taken; every other is refused with \`input_unit_unknown\`. This page is generated from \`models/contract/units.ts\`, and a test
keeps it true (\`vitest run models/contract/units.test.ts -u\` writes it anew).

- Codes of one quantity convert into each other, exactly: the result is the number nearest to the true value. Codes of two
  quantities do not convert, and are refused with \`input_unit_incompatible\`, but for the two cases that follow.
- Mass and amount of substance (and their concentrations) convert only where the contract gives the input's molar mass.
- Equivalents (\`meq/L\`; \`mEq/L\` is not a UCUM code) and amount of substance convert only where the contract gives the
  input's valence.
- International units are never converted into mass or amount: what one unit is depends on the preparation.
- An annotation in braces is ignored, as UCUM has it: \`{beats}/min\` is \`/min\`. It may not stand for a divisor:
  \`mL/min/{1.73_m2}\` is refused rather than read as \`mL/min\`.
- \`l\` may be written for \`L\`, \`10^3\` for \`10*3\`, \`[iU]\` for \`[IU]\`, and \`1/min\` for \`/min\`.
- Case matters: \`MM[HG]\`, \`mmHg\`, \`cel\` and \`bpm\` are refused.
- A year is 365.25 days and a month 30.4375 days.
`
