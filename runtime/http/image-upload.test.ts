import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { Phi } from '../../device/platform/phi.ts'
import { imageTypeOf, parseSubjectHeader, parseUploadHead } from './image-upload.ts'

const limits = { maxUploadBytes: 1000 }

function requestOf(headers: IncomingHttpHeaders, url = '/v1/decisions?model=chest-qc') {
  const all: IncomingHttpHeaders = { 'content-type': 'application/dicom', 'content-length': '10', ...headers }
  return { headers: all, rawHeaders: Object.entries(all).flatMap(([name, value]) => [name, String(value)]), url }
}

function headOf(headers: IncomingHttpHeaders, url?: string) {
  const request = requestOf(headers, url)
  const type = imageTypeOf(request)
  if (type === undefined) return 'no image'
  try {
    return parseUploadHead(request, type, limits)
  } catch (error) {
    return isWardstoneError(error) ? [error.code, error.about] : error
  }
}

const malformed = (about: string) => ['request_malformed', about]

describe('the head of one file', () => {
  it('says model, purpose and patient', () => {
    const head = headOf({ 'wardstone-subject': 'Nu%C3%B1ez, Ana' }, '/v1/decisions?model=a-1&purpose=quality')
    expect(head).toMatchObject({ form: 'file', model: 'a-1', purpose: 'quality' })
    expect(Phi.reveal((head as { subject: Phi<string> }).subject)).toBe('Nuñez, Ana')
    expect(headOf({})).toEqual({ form: 'file', model: 'chest-qc', purpose: 'treatment', subject: undefined })
    expect(headOf({ 'content-type': 'application/dicom; transfer-syntax=1.2.840.10008.1.2.1' })).toMatchObject({
      form: 'file',
    })
  })

  it.each([
    ['no model', '/v1/decisions', malformed('model')],
    ['an empty query', '/v1/decisions?', malformed('query')],
    ['a model with capitals', '/v1/decisions?model=A', malformed('query')],
    ['an encoded model', '/v1/decisions?model=%61', malformed('query')],
    ['a model twice', '/v1/decisions?model=a&model=a', malformed('query')],
    ['a patient in the address', '/v1/decisions?model=a&subject=p', malformed('query')],
    ['a prototype', '/v1/decisions?model=a&__proto__=p', malformed('query')],
    ['another purpose', '/v1/decisions?model=a&purpose=fun', malformed('purpose')],
    ['a long model', `/v1/decisions?model=${'a'.repeat(65)}`, malformed('model')],
    ['a model that begins with a digit', '/v1/decisions?model=1', malformed('model')],
    ['semicolons', '/v1/decisions?model=a;purpose=quality', malformed('query')],
    ['two question marks', '/v1/decisions?model=a?', malformed('query')],
  ])('%s', (_, url, expected) => {
    expect(headOf({}, url)).toEqual(expected)
  })

  it.each([
    ['compressed', { 'content-encoding': 'gzip' }, ['request_unsupported_media_type', undefined]],
    ['empty', { 'content-length': '0' }, malformed('body')],
    ['of no length', { 'content-length': undefined }, malformed('body')],
    ['too long', { 'content-length': '1001' }, ['request_too_large', undefined]],
    [
      'with a charset',
      { 'content-type': 'application/dicom; charset=utf-8' },
      ['request_unsupported_media_type', undefined],
    ],
    ['NIfTI without a patient', { 'content-type': 'application/nifti' }, ['subject_missing', undefined]],
    ['JSON', { 'content-type': 'application/dicom+json' }, 'no image'],
    ['two types', { 'content-type': 'application/dicom, application/json' }, 'no image'],
    ['rubbish after the type', { 'content-type': 'application/dicom x' }, 'no image'],
  ])('%s', (_, headers, expected) => {
    expect(headOf(headers)).toEqual(expected)
  })

  it.each([
    'a%',
    'a%4',
    'a%GG',
    '%C3',
    '%ED%A0%80',
    '%C0%AF',
    '%00',
    'a%0Ab',
    '%20a',
    ' ',
    'é',
    'e%CC%81',
    '%F4%90%80%80',
    'a'.repeat(129),
    '%E2%80%AEabc',
  ])('a patient that cannot be: %j', (text) => {
    expect(headOf({ 'wardstone-subject': text })).toEqual(malformed('wardstone-subject'))
  })

  it('two patients are none', () => {
    const headers = { 'wardstone-subject': 'a, b' }
    const rawHeaders = ['Wardstone-Subject', 'a', 'WARDSTONE-SUBJECT', 'b']
    expect(() => parseSubjectHeader({ headers, rawHeaders })).toThrow('(wardstone-subject)')
  })
})

describe('the head of parts', () => {
  const parts = (type: string, headers: IncomingHttpHeaders = {}, url = '/v1/decisions') =>
    headOf({ 'content-type': type, ...headers }, url)

  it.each([
    ['multipart/related; boundary=b', { areNamed: false, boundary: 'b', root: undefined }],
    ['multipart/related; boundary="b c"; type="application/json"; start="<a@b>"', { boundary: 'b c', root: '<a@b>' }],
    ['Multipart/Form-Data; boundary=----x; charset=UTF-8', { areNamed: true, boundary: '----x' }],
  ])('%s', (type, expected) => {
    expect(parts(type)).toMatchObject({ form: 'parts', ...expected })
  })

  it.each([
    ['no boundary', 'multipart/related', malformed('boundary')],
    ['an empty boundary', 'multipart/related; boundary=""', malformed('boundary')],
    ['a long boundary', `multipart/related; boundary=${'b'.repeat(71)}`, malformed('boundary')],
    ['a boundary with a quote', 'multipart/related; boundary="a\\"b"', malformed('boundary')],
    [
      'DICOM first',
      'multipart/related; boundary=b; type="application/dicom"',
      ['request_unsupported_media_type', undefined],
    ],
    [
      'another charset',
      'multipart/form-data; boundary=b; charset=utf-16',
      ['request_unsupported_media_type', undefined],
    ],
    ['more', 'multipart/form-data; boundary=b; x=y', ['request_unsupported_media_type', undefined]],
    ['a boundary twice', 'multipart/related; boundary=b; boundary=c', 'no image'],
    ['others', 'multipart/mixed; boundary=b', 'no image'],
  ])('%s', (_, type, expected) => {
    expect(parts(type)).toEqual(expected)
  })

  it('names neither patient nor model outside its request', () => {
    const type = 'multipart/related; boundary=b'
    expect(parts(type, { 'wardstone-subject': 'p' })).toEqual(malformed('wardstone-subject'))
    expect(parts(type, {}, '/v1/decisions?model=a')).toEqual(malformed('query'))
  })
})
