import { describe, expect, it } from 'vitest'
import { ImageError } from '../errors.ts'
import { defaultImageLimits } from '../limits.ts'
import { greyImage, type TestElements, testPixels, writeDicom } from '../testkit/dicom-writer.ts'
import { decodeText } from './character-set.ts'
import { parseDicom } from './part10.ts'

const pixels = Buffer.from(testPixels(24, 16).buffer)
const elements: TestElements = {
  ...greyImage(4, 6),
  PatientID: 'P1',
  SharedFunctionalGroupsSequence: [{ PixelMeasuresSequence: [{ PixelSpacing: '0.5\\0.25' }] }],
  PixelData: pixels,
}

function codeOf(bytes: Uint8Array, limits = defaultImageLimits): string {
  try {
    parseDicom(bytes, limits)
    return 'read'
  } catch (error) {
    return error instanceof ImageError ? `${error.code} ${error.about ?? ''}`.trim() : `not ours: ${String(error)}`
  }
}

describe('a DICOM file is read', () => {
  it.each([
    ['explicit little endian', {}],
    ['implicit little endian', { syntax: '1.2.840.10008.1.2' }],
    ['explicit big endian', { syntax: '1.2.840.10008.1.2.2' }],
    ['deflated', { syntax: '1.2.840.10008.1.2.1.99' }],
    ['with sequences of undefined length', { openSequences: true }],
    ['with implicit sequences of undefined length', { syntax: '1.2.840.10008.1.2', openSequences: true }],
    ['without preamble', { preamble: false }],
    ['without preamble and meta information', { preamble: false, meta: false }],
    ['implicit, without both', { preamble: false, meta: false, explicit: false }],
    ['big endian, without both', { preamble: false, meta: false, bigEndian: true }],
    ['with a preamble and no meta information', { meta: false }],
    ['rounded up with zeros', { tail: new Uint8Array(4) }],
  ])('%s', (_name, form) => {
    const { dataSet } = parseDicom(writeDicom({ elements, ...form }), defaultImageLimits)
    expect(dataSet.unsigned('Columns')).toBe(6)
    expect(dataSet.string('Modality')).toBe('CR')
    const [group] = dataSet.items('SharedFunctionalGroupsSequence')
    expect(group?.items('PixelMeasuresSequence')[0]?.numbers('PixelSpacing')).toEqual([0.5, 0.25])
    expect(dataSet.bytes('PixelData')).toHaveLength(pixels.length)
  })

  it('and only what is looked at is held', () => {
    const unknown = Buffer.from([0x10, 0x00, 0x10, 0x00, 0x50, 0x4e, 4, 0, 0x41, 0x5e, 0x42, 0x20])
    const file = writeDicom({ elements: { Modality: 'CT' }, tail: unknown })
    expect(codeOf(file)).toBe('read')
    expect(JSON.stringify(parseDicom(file, defaultImageLimits))).not.toContain('A^B')
  })
})

describe('a DICOM file is refused', () => {
  it('truncated at every byte, with a code of ours or as a shorter file, and never otherwise', () => {
    const file = writeDicom({ elements, openSequences: true })
    const codes = Array.from({ length: file.length }, (_, length) => codeOf(file.subarray(0, length)))
    expect(codes.filter((code) => !/^(read|image_(truncated|not_recognised|malformed))/.test(code))).toEqual([])
    // A cut between two elements leaves a whole data set, without its pixels.
    expect(codes.filter((code) => code === 'read').length).toBeLessThan(20)
  })

  it.each([
    ['text', Buffer.from('not an image at all, but long enough'), 'image_not_recognised'],
    ['an attribute twice', double(), 'image_malformed repeated element'],
    ['a delimiter where none belongs', stray(0xe00d), 'image_malformed delimiter out of place'],
    ['an item where none belongs', stray(0xe000), 'image_malformed delimiter out of place'],
    ['a length beyond the end', beyond(), 'image_truncated Rows'],
    ['a value representation that does not exist', badVr(), 'image_malformed value representation'],
    ['what is not deflated, but should be', notDeflated(), 'image_malformed deflate'],
  ])('with %s', (_name, bytes, code) => {
    expect(codeOf(bytes)).toBe(code)
  })

  it('when it is deeper than the limit', () => {
    const file = writeDicom({ elements: nested(20), openSequences: true })
    expect(codeOf(file)).toBe('image_too_complex depth')
    expect(codeOf(file, { ...defaultImageLimits, maxDepth: 21 })).toBe('read')
  })

  it('when a thousand sequences open and none closes, without a stack of calls as deep', () => {
    const open = Buffer.from([0x00, 0x52, 0x29, 0x92, 0x53, 0x51, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0x00, 0xe0])
    const level = Buffer.concat([open, Buffer.from([0xff, 0xff, 0xff, 0xff])])
    const file = writeDicom({
      elements: { Modality: 'MR' },
      tail: Buffer.concat(new Array<Buffer>(100_000).fill(level)),
    })
    expect(codeOf(file)).toBe('image_too_complex depth')
  })

  it('when it has more elements than the limit', () => {
    const element = Buffer.from([0x09, 0x00, 0x01, 0x10, 0x4c, 0x4f, 0, 0])
    const file = writeDicom({
      elements: { Modality: 'MR' },
      tail: Buffer.concat(new Array<Buffer>(300_000).fill(element)),
    })
    expect(codeOf(file)).toBe('image_too_complex elements')
  })

  it('when it inflates beyond the limit, without inflating it', () => {
    const bomb = writeDicom({
      syntax: '1.2.840.10008.1.2.1.99',
      elements: { PixelData: Buffer.alloc(64 * 1024 * 1024) },
    })
    expect(bomb.length).toBeLessThan(100_000)
    const before = process.memoryUsage().arrayBuffers
    expect(codeOf(bomb, { ...defaultImageLimits, maxInflatedBytes: 1024 * 1024 })).toBe('image_too_large inflated')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
  })
})

describe('text of an identifier', () => {
  it.each([
    ['P-0001', [], Buffer.from('P-0001 '), 'P-0001'],
    ['Latin 1', ['ISO_IR 100'], Buffer.from([0x4d, 0xfc, 0x31]), 'Mü1'],
    ['UTF-8', ['ISO_IR 192'], Buffer.from('日本1'), '日本1'],
    ['Cyrillic', ['ISO_IR 144'], Buffer.from([0xbb, 0x31]), 'Л1'],
    ['bytes without a set', [], Buffer.from([0xbb, 0x31]), undefined],
    ['an unknown set', ['ISO_IR 999'], Buffer.from([0xbb]), undefined],
    ['bytes that the set does not define', ['ISO_IR 192'], Buffer.from([0xff]), undefined],
  ])('%s', (_name, sets, bytes, text) => {
    expect(decodeText(bytes, sets)).toBe(text)
  })
})

function nested(levels: number): TestElements {
  let inner: TestElements = { Modality: 'MR' }
  for (let level = 0; level < levels; level += 1) inner = { SharedFunctionalGroupsSequence: [inner] }
  return inner
}

function double(): Buffer {
  const rows = Buffer.from([0x28, 0x00, 0x10, 0x00, 0x55, 0x53, 2, 0, 4, 0])
  return writeDicom({ elements: {}, tail: Buffer.concat([rows, rows]) })
}

function stray(element: number): Buffer {
  return writeDicom({
    elements: { Modality: 'MR' },
    tail: Buffer.from([0xfe, 0xff, element & 0xff, element >> 8, 0, 0, 0, 0]),
  })
}

function beyond(): Buffer {
  return writeDicom({ elements: {}, tail: Buffer.from([0x28, 0x00, 0x10, 0x00, 0x55, 0x53, 0xff, 0xff, 4, 0]) })
}

function badVr(): Buffer {
  return writeDicom({ elements: {}, tail: Buffer.from([0x28, 0x00, 0x10, 0x00, 0x5a, 0x5a, 2, 0, 4, 0]) })
}

function notDeflated(): Buffer {
  const file = writeDicom({ syntax: '1.2.840.10008.1.2.1.99', elements: { Modality: 'MR' } })
  return Buffer.concat([file.subarray(0, 128 + 4 + 8 + 22), Buffer.alloc(64, 0xff)])
}
