import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { errorCode } from '../../device/platform/errors.ts'
import { parseStrictJson } from './strict-json.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

function codeOf(text: string): string {
  try {
    parseStrictJson(bytes(text))
    return 'read'
  } catch (error) {
    return errorCode(error)
  }
}

describe('strict JSON', () => {
  it('reads what JSON.parse reads, where nothing is ambiguous', () => {
    const plain = fc.jsonValue({ maxDepth: 6 }).filter((value) => {
      const text = JSON.stringify(value)
      return text.isWellFormed() && !text.includes('__proto__')
    })
    fc.assert(
      fc.property(plain, fc.nat(3), (value, space) => {
        const text = JSON.stringify(value, undefined, space)
        expect(parseStrictJson(bytes(text))).toEqual(JSON.parse(text))
      }),
      { numRuns: 500 },
    )
  })

  it('throws only its own errors, on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        try {
          parseStrictJson(input)
        } catch (error) {
          expect(errorCode(error)).toMatch(/^request_/)
          expect((error as Error).cause).toBeUndefined()
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('finds any name that stands twice', () => {
    const names = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(names, fc.nat(), (list, pick) => {
        if (list.includes('__proto__')) return
        const members = [...list, list[pick % list.length]!].map((name) => `${JSON.stringify(name)}:"x"`)
        expect(codeOf(`{${members.join(',')}}`)).toMatch(/^request_(name_repeated|not_json)$/)
      }),
    )
  })

  it.each([
    ['{"a":1,"a":2}', 'request_name_repeated'],
    ['{"a":{"b":1,"b":2}}', 'request_name_repeated'],
    ['{"a" \n:1,"a"\t:2}', 'request_name_repeated'],
    ['{"\\u0061":1,"a":2}', 'request_name_repeated'],
    ['[{"a":1},{"a":2}]', 'read'],
    ['{"a":"a","b":"a"}', 'read'],
    ['{"a":"{\\"a\\":1,","b":":"}', 'read'],
    ['["\\\\",":"]', 'read'],
    ['{"__proto__":1}', 'request_malformed'],
    ['["__proto__"]', 'read'],
    ['["a\\\\"]', 'read'],
    ['["a\\\\\\"]', 'request_not_json'],
    ['["a\\\\\\"b"]', 'read'],
    ['{"a\\"":1,"a\\"":2}', 'request_name_repeated'],
    ['["é"]', 'read'],
    ['[1e308]', 'read'],
    ['[1e309]', 'request_number_unrepresentable'],
    ['[-1e309]', 'request_number_unrepresentable'],
    ['[5e-324]', 'read'],
    ['[1e-400]', 'request_number_unrepresentable'],
    ['[0.00e-400]', 'read'],
    ['[-0]', 'read'],
    ['[0e999]', 'read'],
    [`[${'9'.repeat(400)}]`, 'request_number_unrepresentable'],
    ['["\\ud800"]', 'request_not_json'],
    ['["\\ud83d\\ude00"]', 'read'],
    ['[01]', 'request_not_json'],
    ['[1,]', 'request_not_json'],
    ["{'a':1}", 'request_not_json'],
    ['// x\n1', 'request_not_json'],
    [`${'['.repeat(8)}${']'.repeat(8)}`, 'read'],
    [`${'['.repeat(9)}${']'.repeat(9)}`, 'request_too_deep'],
    [`[${Array(1000).fill('1').join(',')}]`, 'read'],
    [`[${Array(1001).fill('1').join(',')}]`, 'request_too_many_values'],
    ['['.repeat(9), 'request_too_deep'],
    ['["half', 'request_not_json'],
    ['["half\\\\', 'request_not_json'],
    ['["half\\', 'request_not_json'],
    ['[-]', 'request_not_json'],
    [']', 'request_not_json'],
  ])('%.40s → %s', (text, code) => {
    expect(codeOf(text)).toBe(code)
  })

  it.each([
    ['of 8192 units', `["${'a'.repeat(8192)}"]`, 'read'],
    ['of one more', `["${'a'.repeat(8193)}"]`, 'request_text_too_long'],
    ['of 8192 escapes', `["${'\\u0041'.repeat(8192)}"]`, 'read'],
    ['of one escape more', `["${'\\u0041'.repeat(8193)}"]`, 'request_text_too_long'],
    ['that is a name', `{"${'a'.repeat(8193)}":1}`, 'request_text_too_long'],
    ['that does not end', `["${'a'.repeat(1_000_000)}`, 'request_text_too_long'],
    ['that is the bytes of a tensor', `{"base64":"${'a'.repeat(1_048_576)}"}`, 'read'],
    ['that is more of them', `{"base64":"${'a'.repeat(1_048_577)}"}`, 'request_text_too_long'],
    ['after them', `{"base64":"","b":"${'a'.repeat(8193)}"}`, 'request_text_too_long'],
    ['that is a name after them', `{"base64":"","${'a'.repeat(8193)}":1}`, 'request_text_too_long'],
    ['in a list of them', `{"base64":["${'a'.repeat(8193)}"]}`, 'request_text_too_long'],
  ])('takes texts up to a length: one %s', (_, text, code) => {
    expect(codeOf(text)).toBe(code)
  })

  it('finds what is too deep before anything is built from it', () => {
    const parse = vi.spyOn(JSON, 'parse')
    const deep = codeOf('{"a":'.repeat(9))
    const calls = parse.mock.calls.length
    parse.mockRestore()
    expect([deep, calls]).toEqual(['request_too_deep', 0])
  })

  it('takes bounded time for a megabyte of anything', () => {
    const million = 1024 * 1024
    const hostile = [
      '['.repeat(million),
      `"${'\\"'.repeat(million / 2 - 1)}"`,
      `[${'{},'.repeat(million / 3 - 2)}{}]`,
      `{${Array.from({ length: 80_000 }, (_, n) => `"n${n}":1`).join(',')}}`,
      `[${'1'.repeat(million - 2)}]`,
      `["${'\\u0041'.repeat(million / 6 - 2)}"]`,
    ]
    for (const text of hostile) {
      const startMs = performance.now()
      codeOf(text)
      expect(performance.now() - startMs).toBeLessThan(5000)
    }
  })
})
