import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readHeaderValue } from './media-type.ts'

const read = (text: string) => {
  const value = readHeaderValue(text)
  return value === undefined ? undefined : [value.value, Object.fromEntries(value.parameters)]
}

describe('a header value', () => {
  it.each([
    ['application/dicom', ['application/dicom', {}]],
    ['Application/DICOM ', ['application/dicom', {}]],
    ['multipart/related; boundary=x', ['multipart/related', { boundary: 'x' }]],
    ['multipart/related;boundary="a b" ; Type="a/b"', ['multipart/related', { boundary: 'a b', type: 'a/b' }]],
    ['form-data; name="request"', ['form-data', { name: 'request' }]],
    ['form-data; name="f"; filename="a\\"b;c.dcm"', ['form-data', { name: 'f', filename: 'a"b;c.dcm' }]],
    ["form-data; name=f; filename*=UTF-8''M%C3%BC", ['form-data', { name: 'f', 'filename*': "UTF-8''M%C3%BC" }]],
    ['form-data; name="\xc3\xbc"', ['form-data', { name: '\xc3\xbc' }]],
    ['a; b=""', ['a', { b: '' }]],
  ])('%j', (text, expected) => {
    expect(read(text)).toEqual(expected)
  })

  it.each([
    '',
    ' ',
    ' application/dicom',
    'application/dicom, text/plain',
    'application/dicom;',
    'application/dicom; boundary',
    'application/dicom; boundary=',
    'application/dicom; =x',
    'multipart/related; boundary=a; boundary=b',
    'multipart/related; boundary=a; BOUNDARY=b',
    'multipart/related; boundary=a b',
    'multipart/related; boundary="a',
    'multipart/related; boundary="a"b',
    'multipart/related; boundary=a"b"',
    'multipart/related; boundary =a',
    'multipart/related boundary=a',
    'application/',
    '/dicom',
    'a/b/c',
    'a/b; c=ü',
    'a/b; c="\u0000"',
  ])('%j cannot be read', (text) => {
    expect(read(text)).toBeUndefined()
  })

  it('takes linear time', () => {
    for (const unit of [';', ' ', '"', '\\', 'a=', '; a="\\"', ';\t']) {
      const startMs = performance.now()
      readHeaderValue(`a/b; c="${unit.repeat(200_000)}`)
      readHeaderValue(`a/b${unit.repeat(200_000)}`)
      expect(performance.now() - startMs).toBeLessThan(1000)
    }
  })

  it('any text: a value or nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        readHeaderValue(text)
        readHeaderValue(`a/b; c=${text}`)
      }),
    )
  })
})
