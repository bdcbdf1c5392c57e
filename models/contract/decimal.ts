/**
 * Exact arithmetic on the decimals that people write. A number stands for its shortest decimal text, so 38.05 means
 * 38.05 and not the binary fraction beside it; unit conversion and rounding then have no artefacts of binary floats.
 */
export interface Rational {
  readonly numerator: bigint
  /** Always positive. */
  readonly denominator: bigint
}

/** More digits than any double holds, so cutting here never changes the nearest double in practice. */
const SIGNIFICANT_DIGITS = 40

export function rational(numerator: bigint, denominator = 1n): Rational {
  return denominator < 0n ? { numerator: -numerator, denominator: -denominator } : { numerator, denominator }
}

/** The exact value of a finite number's shortest decimal text (ECMA-262 Number::toString). */
export function decimalRational(value: number): Rational {
  const [mantissa = '0', exponentText = '0'] = value.toString().split('e')
  const [whole = '0', fraction = ''] = mantissa.split('.')
  const exponent = Number(exponentText) - fraction.length
  const digits = BigInt(whole + fraction)
  return exponent >= 0 ? rational(digits * power10(exponent)) : rational(digits, power10(-exponent))
}

export function add(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator)
}

export function subtract(a: Rational, b: Rational): Rational {
  return add(a, rational(-b.numerator, b.denominator))
}

export function multiply(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.numerator, a.denominator * b.denominator)
}

export function divide(a: Rational, b: Rational): Rational {
  return rational(a.numerator * b.denominator, a.denominator * b.numerator)
}

/** The nearest number; an infinity when it is beyond the largest double. Never −0. */
export function rationalNumber(value: Rational): number {
  const size = magnitude(value.numerator)
  const shift = SIGNIFICANT_DIGITS - (digitCount(size) - digitCount(value.denominator))
  const digits = shift >= 0 ? (size * power10(shift)) / value.denominator : size / (value.denominator * power10(-shift))
  return signed(Number(`${digits}e${-shift}`), value.numerator < 0n)
}

/** Rounds to `decimals` places, halves away from zero, on the number's decimal text: 1.005 → 1.01, −38.05 → −38.1. */
export function roundHalfAway(value: number, decimals: number): number {
  const exact = decimalRational(value)
  const doubled = 2n * magnitude(exact.numerator) * power10(decimals)
  const rounded = (doubled + exact.denominator) / (2n * exact.denominator)
  return signed(Number(`${rounded}e${-decimals}`), exact.numerator < 0n)
}

function signed(size: number, negative: boolean): number {
  return negative && size !== 0 ? -size : size
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value
}

function digitCount(value: bigint): number {
  return value.toString().length
}

function power10(exponent: number): bigint {
  return 10n ** BigInt(exponent)
}
