import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { derElements, derSequence } from './der.ts'
import { derFromPem, pemFromDer } from './pem.ts'

const hex = (text: string) => Buffer.from(text, 'hex')

describe('PEM', () => {
  it('reads back what it wrote, with LF or CRLF', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 500 }), (der) => {
        const pem = pemFromDer(der, 'CERTIFICATE')
        expect(derFromPem(pem, 'CERTIFICATE')?.equals(der)).toBe(true)
        expect(derFromPem(pem.replaceAll('\n', '\r\n'), 'CERTIFICATE')?.equals(der)).toBe(true)
        expect(derFromPem(pem.trimEnd(), 'CERTIFICATE')?.equals(der)).toBe(true)
      }),
    )
  })

  it('refuses everything that is not exactly one block', () => {
    const pem = pemFromDer(Buffer.alloc(100, 7), 'PUBLIC KEY')
    const attempts = [
      '',
      '\n',
      pem.replace('BEGIN PUBLIC', 'BEGIN PRIVATE'),
      pem + pem,
      `subject=somebody\n${pem}`,
      `${pem}trailing`,
      `${pem}\n`,
      pem.replace('\n', '\nProc-Type: 4,ENCRYPTED\n\n'),
      pem.replace('BwcHBwcH', 'BwcH BwcH'),
      pem.replace(/.\n-----END/, '*\n-----END'),
      pem.replace('\n', '\n\n'),
      '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n',
      '-----BEGIN PUBLIC KEY-----',
      // The same octet with stray low bits in the last sextet.
      '-----BEGIN PUBLIC KEY-----\nBx==\n-----END PUBLIC KEY-----\n',
      pemFromDer(Buffer.alloc(80_000), 'PUBLIC KEY'),
    ]
    for (const attempt of attempts) expect(derFromPem(attempt, 'PUBLIC KEY')).toBeUndefined()
    expect(derFromPem(pem, 'PRIVATE KEY')).toBeUndefined()
  })
})

describe('DER', () => {
  it('splits a sequence into its elements', () => {
    const elements = derSequence(hex('3006020101020102'))
    expect(elements?.map((element) => [element.tag, element.content.toString('hex')])).toEqual([
      [2, '01'],
      [2, '02'],
    ])
    expect(derSequence(hex('3000'))).toEqual([])
    const long = Buffer.concat([hex('0481ff'), Buffer.alloc(255)])
    expect(derElements(long)?.[0]?.content.length).toBe(255)
  })

  it.each([
    ['indefinite length', '3080020101020102 0000'],
    ['long form of a short length', '308106020101020102'],
    ['leading zero in the length', '30820006020101020102'],
    ['length of more than four octets', '3085000000000100'],
    ['length beyond the octets', '30070201010201'],
    ['octets left over', '300602010102010200'],
    ['an identifier of several octets', '1f810100'],
    ['only an identifier', '30'],
    ['a length that is cut off', '3082 01'],
    ['another tag', '3106020101020102'],
    ['nothing', ''],
    ['two sequences', '30003000'],
  ])('refuses %s', (_name, text) => {
    expect(derSequence(hex(text.replaceAll(' ', '')))).toBeUndefined()
  })

  it('takes any octets without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        const elements = derElements(octets)
        if (elements === undefined) return
        expect(Buffer.concat(elements.map((element) => element.encoded)).equals(octets)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
