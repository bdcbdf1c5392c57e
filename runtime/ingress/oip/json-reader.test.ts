import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JsonValue, readJson } from './json-reader.ts'
import { defaultOipLimits } from './limits.ts'

const read = (text: string, limits = {}) => readJson(Buffer.from(text), { ...defaultOipLimits, ...limits })
const codeOf = (text: string | Uint8Array, limits = {}): string => {
  try {
    readJson(Buffer.from(text), { ...defaultOipLimits, ...limits })
    return 'read'
  } catch (error) {
    return (error as { code?: string }).code ?? 'no code'
  }
}
const plain = (value: JsonValue): unknown => {
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([name, item]) => [name, plain(item as JsonValue)]))
  if (Array.isArray(value)) return value.map((item) => plain(item as JsonValue))
  return typeof value === 'bigint' ? Number(value) : value
}

describe('JSON', () => {
  it('is read as JSON.parse reads it, where that is exact', () => {
    const json = fc.json({ maxDepth: 6 }).filter((text) => !text.includes('__proto__') && !/[eE]-3\d\d/.test(text))
    fc.assert(
      fc.property(json, (text) => {
        expect(plain(read(text))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('of any bytes ends in a value or in a code', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      '\\',
      ':',
      ',',
      '-',
      '0',
      '1e',
      '.5',
      'true',
      'nul',
      ' ',
      'é',
    )
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        const [code, isJson] = [codeOf(parts.join('')), parsed(parts.join(''))]
        expect(code).toMatch(/^(read|oip_[a-z_]+)$/)
        if (code === 'read') expect(isJson).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('holds every integer of 64 bits exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (integer) => {
        expect(BigInt(read(String(integer)) as number | bigint)).toBe(integer)
      }),
    )
    expect(read('9007199254740993')).toBe(9_007_199_254_740_993n)
    expect(read('-0')).toBe(-0)
    expect(read('123456789012345678901234567890')).toBe(Number('123456789012345678901234567890'))
  })

  it.each([
    ['oip_json_invalid', '{"a":1,"a":2}'],
    ['oip_json_invalid', '\ufeff{}'],
    ['oip_json_invalid', '{} {}'],
    ['oip_json_invalid', '{"a":01}'],
    ['oip_json_invalid', 'NaN'],
    ['oip_json_invalid', '[Infinity]'],
    ['oip_json_invalid', '"\\ud800"'],
    ['oip_json_invalid', '"a\nb"'],
    ['oip_json_invalid', '"\\x41"'],
    ['oip_json_invalid', '[1,]'],
    ['oip_json_invalid', ''],
    ['oip_json_invalid', '"'],
    ['oip_json_invalid', '"\\'],
    ['oip_json_invalid', Uint8Array.of(0x22, 0xff, 0x22)],
    ['oip_number_unrepresentable', '1e999'],
    ['oip_number_unrepresentable', '-1e-999'],
    ['oip_too_complex', '['.repeat(21)],
    ['oip_too_complex', `{${Array.from({ length: 65 }, (_, at) => `"${at}":0`).join()}}`],
    ['oip_too_large', `"${'a'.repeat(65_537)}"`],
    ['oip_too_large', `"\\n${'a'.repeat(400_000)}"`],
  ])('%s', (code, text) => {
    expect(codeOf(text)).toBe(code)
  })

  it('costs what its limits say, whatever it holds', () => {
    const million = defaultOipLimits.maxJsonBytes
    const hostile: readonly [string, string][] = [
      [`[${'0,'.repeat(million / 2 - 2)}0]`, 'oip_too_complex'],
      [`[${'[],'.repeat(million / 3 - 2)}0]`, 'oip_too_complex'],
      [`[${'"",'.repeat(million / 3 - 2)}0]`, 'oip_too_complex'],
      ['[['.repeat(million / 2), 'oip_too_complex'],
      [`"${'\\'.repeat(million - 2)}"`, 'oip_too_large'],
      [`"${'\\"'.repeat(million / 2 - 2)}"`, 'oip_too_large'],
      ['"'.repeat(million), 'oip_json_invalid'],
      ['1'.repeat(million), 'oip_number_unrepresentable'],
      [' '.repeat(million), 'oip_json_invalid'],
      [`${'9'.repeat(300)}e${'9'.repeat(1000)}`, 'oip_number_unrepresentable'],
      ['x'.repeat(million + 1), 'oip_too_large'],
    ]
    for (const [text, code] of hostile) {
      const startMs = performance.now()
      expect([text.slice(0, 8), codeOf(text)]).toEqual([text.slice(0, 8), code])
      expect(performance.now() - startMs).toBeLessThan(2000)
    }
  })
})

function parsed(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
