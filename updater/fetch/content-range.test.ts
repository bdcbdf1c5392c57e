import { describe, expect, test } from 'vitest'
import { parseContentRange, parseUnsatisfiedRange } from './content-range.ts'

describe('Content-Range', () => {
  test('is read with and without the length of the file', () => {
    expect(parseContentRange('bytes 5-9/10')).toEqual({ first: 5, last: 9, totalBytes: 10 })
    expect(parseContentRange('bytes 5-5/*')).toEqual({ first: 5, last: 5, totalBytes: undefined })
    expect(parseUnsatisfiedRange('bytes */10')).toBe(10)
  })

  test.each([
    undefined,
    '',
    'bytes 9-5/10',
    'bytes 5-10/10',
    'bytes 5-9/',
    'bytes 5-9',
    'bytes -5/10',
    'bytes */10',
    'bytes  5-9/10',
    'bytes 5-9/10 ',
    'bytes 5-9/10, 1-2/10',
    'Bytes 5-9/10',
    'bytes 0x5-9/10',
    'bytes 5-9/9999999999999999',
    'items 5-9/10',
  ])('%s is none', (text) => {
    expect(parseContentRange(text)).toBeUndefined()
    if (text !== 'bytes */10') expect(parseUnsatisfiedRange(text)).toBeUndefined()
  })
})
