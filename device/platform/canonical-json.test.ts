import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sharedData } from '../../house/shared-data.ts'
import { canonicalBytes, canonicalJson, parseCanonical } from './canonical-json.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const malformed = expect.objectContaining({ name: 'PlatformError', code: 'json_malformed' })
const notCanonical = expect.objectContaining({ name: 'PlatformError', code: 'json_not_canonical' })

describe('canonical JSON', () => {
  it('sorts members by UTF-16 code units at every level, without white space', () => {
    const value = { b: [{ z: 1, a: null }, true], '\u{1f600}': 1, '\ufb33': 2, a: '€', '': 0, A: {} }
    // RFC 8785 section 3.2.3: the emoji's surrogates sort before U+FB33 although its code point is larger.
    expect(canonicalJson(value)).toBe('{"":0,"A":{},"a":"€","b":[{"a":null,"z":1},true],"\u{1f600}":1,"\ufb33":2}')
  })

  it.each([
    ['333333333.33333329', '333333333.3333333'],
    ['1E30', '1e+30'],
    ['4.50', '4.5'],
    ['2e-3', '0.002'],
    ['0.000000000000000000000000001', '1e-27'],
    ['-0', '0'],
    ['1e21', '1e+21'],
    ['999999999999999900000', '999999999999999900000'],
    ['9007199254740993', '9007199254740992'],
  ])('writes the number %s as %s', (given, expected) => {
    expect(canonicalJson(JSON.parse(given))).toBe(expected)
  })

  it('escapes only what must be escaped', () => {
    expect(canonicalJson('\u0000\b\t\n\f\r"\\/\u007f\u2028é')).toBe('"\\u0000\\b\\t\\n\\f\\r\\"\\\\/\u007f\u2028é"')
  })

  it('sorts names that are numbers as text, whichever come with them, at every level', () => {
    expect(canonicalJson({ 10: 1, 9: { 2: 0, 10: [{ b: 1, 3: 2 }] }, '01': 1, a: 1, 1: 1 })).toBe(
      '{"01":1,"1":1,"10":1,"9":{"10":[{"3":2,"b":1}],"2":0},"a":1}',
    )
    const sorted = (value: unknown): string => {
      if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`
      if (typeof value !== 'object' || value === null) return JSON.stringify(value)
      const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
      return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${sorted(member)}`).join(',')}}`
    }
    const name = fc.oneof(
      fc.constantFrom('0', '9', '10', '4294967294', '4294967296', '-1', '__proto__', 'a', 'Z'),
      fc.string(),
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>(null, true, 1.5, 'é'),
        fc.array(tie('tree')),
        fc.dictionary(name, tie('tree')),
      ),
    }))
    fc.assert(
      fc.property(tree, (value) => canonicalJson(value) === sorted(value)),
      { numRuns: 500 },
    )
  })

  it('leaves out members that are undefined, and keeps one named __proto__', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}')
    const parsed = parseCanonical(bytes('{"__proto__":{"a":1}}'))
    expect(canonicalJson(parsed)).toBe('{"__proto__":{"a":1}}')
  })

  it.each([
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate in a name', { '\udc00': 1 }],
    ['undefined', undefined],
    ['undefined in a list', [undefined]],
    ['a hole in a list', Array(1)],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a big integer', 1n],
    ['a date', new Date(0)],
    ['bytes', new Uint8Array(2)],
    ['a map', new Map([['a', 1]])],
    ['nesting beyond 64', nested(66)],
  ])('refuses %s', (_name, value) => {
    expect(() => canonicalJson(value)).toThrow(malformed)
    expect(() => canonicalJson({ inside: [value] })).toThrow(malformed)
  })

  it('writes what it reads and reads what it writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const written = canonicalBytes(value)
        const again = canonicalBytes(parseCanonical(written))
        expect(Buffer.from(again).equals(written)).toBe(true)
        expect(parseCanonical(written)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
      { numRuns: 300 },
    )
  })
})

describe('reading', () => {
  it.each([
    ['white space', '{"a": 1}'],
    ['a final newline', '{}\n'],
    ['unsorted names', '{"b":1,"a":2}'],
    ['a name twice', '{"a":1,"a":2}'],
    ['a name twice with equal values', '{"a":1,"a":1}'],
    ['a number with a fraction of zero', '1.0'],
    ['a number with an exponent', '1e2'],
    ['negative zero', '-0'],
    ['an integer beyond exactness', '9007199254740993'],
    ['a needless escape', '"\\u0061"'],
    ['an escaped solidus', '"\\/"'],
    ['an escape in capitals', '"\\u001F"'],
  ])('refuses %s', (_name, text) => {
    expect(() => parseCanonical(bytes(text))).toThrow(notCanonical)
  })

  it.each([
    ['nothing', bytes('')],
    ['half a value', bytes('{"a":')],
    ['two values', bytes('1 2')],
    ['a byte order mark', bytes('\ufeff1')],
    ['invalid UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['an overlong encoding', Uint8Array.of(0x22, 0xc0, 0x80, 0x22)],
    ['a surrogate in UTF-8', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)],
    ['an escaped lone surrogate', bytes('"\\ud800"')],
    ['a number beyond range', bytes('1e400')],
    ['a million open brackets', bytes('['.repeat(1_000_000))],
    ['a hundred thousand nested lists', bytes('['.repeat(100_000) + ']'.repeat(100_000))],
  ])('refuses %s', (_name, octets) => {
    expect(() => parseCanonical(octets)).toThrow(malformed)
  })

  it('takes any octets without another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        try {
          parseCanonical(octets)
        } catch (error) {
          expect(error).toMatchObject({ name: 'PlatformError' })
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe.skipIf(!sharedData)('the test data of RFC 8785', () => {
  const folder = join(sharedData ?? '', 'crypto/jcs-rfc8785/testdata')
  const names = sharedData === undefined ? [] : readdirSync(join(folder, 'input'))

  it('has six files', () => expect(names).toHaveLength(6))

  it.each(names)('%s', (name) => {
    const expected = readFileSync(join(folder, 'output', name))
    const octets = readFileSync(join(folder, 'outhex', name.replace('.json', '.txt')), 'utf8').replace(/\s/g, '')
    const made = canonicalBytes(JSON.parse(readFileSync(join(folder, 'input', name), 'utf8')))
    expect(Buffer.from(made).toString('hex')).toBe(octets)
    expect(Buffer.from(made).equals(expected)).toBe(true)
    expect(canonicalJson(parseCanonical(expected))).toBe(expected.toString('utf8'))
  })
})

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}
