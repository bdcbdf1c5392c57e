import { deflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decodeFiles } from '../decode-files.ts'
import type { SourceImage } from '../decoded-image.ts'
import { ImageError } from '../errors.ts'
import { defaultImageLimits } from '../limits.ts'
import {
  greyImage,
  type TestElements,
  type TestFile,
  testPixels,
  wordBytes,
  writeDicom,
} from '../testkit/dicom-writer.ts'
import { encodeFlatBlocks, encodeLossless, encodeRle, encodeWith } from '../testkit/encoders.ts'
import { WasmCodecs } from './codecs.ts'

const [rows, columns] = [12, 20]
const count = rows * columns
const words = testPixels(count, 16)
const wordsAsBytes = Buffer.from(words.buffer)
const low = Uint8Array.from(words, (word) => word & 0xff)
const high = Uint8Array.from(words, (word) => word >> 8)
const codecs = new WasmCodecs()

const read = (file: TestFile): Promise<SourceImage> =>
  decodeFiles([writeDicom(file)], defaultImageLimits, codecs, 'values')

async function codeOf(file: TestFile): Promise<string> {
  try {
    await read(file)
    return 'read'
  } catch (error) {
    return error instanceof ImageError ? `${error.code} ${error.about ?? ''}`.trim() : `not ours: ${String(error)}`
  }
}

const colour = (photometric: string, planar = 0): TestElements => ({
  ...greyImage(2, 2, 8),
  SamplesPerPixel: 3,
  PhotometricInterpretation: photometric,
  PlanarConfiguration: planar,
})

describe('native pixels', () => {
  it.each([
    ['unsigned, 16 of 16 bits', {}, [1, 65_535, 32_768, 7], [1, 65_535, 32_768, 7]],
    ['signed, 16 of 16 bits', { PixelRepresentation: 1 }, [1, 65_535, 32_768, 7], [1, -1, -32_768, 7]],
    [
      'unsigned, 12 bits, what stands above left out',
      { BitsStored: 12, HighBit: 11 },
      [0xf123, 0x0fff, 0x8000, 1],
      [0x123, 0xfff, 0, 1],
    ],
    [
      'signed, 12 bits',
      { BitsStored: 12, HighBit: 11, PixelRepresentation: 1 },
      [0x0fff, 0x0800, 0x07ff, 1],
      [-1, -2048, 2047, 1],
    ],
    [
      '12 bits at the top of the word',
      { BitsStored: 12, HighBit: 15 },
      [0x1230, 0xffff, 0x000f, 0x0010],
      [0x123, 0xfff, 0, 1],
    ],
  ])('%s', async (_name, attributes, stored, values) => {
    for (const syntax of ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.1.99']) {
      const image = await read({
        syntax,
        elements: { ...greyImage(2, 2), ...attributes, PixelData: wordBytes(stored) },
      })
      expect([...image.pixels]).toEqual(values)
    }
    const swapped = wordBytes(stored).swap16()
    const image = await read({
      syntax: '1.2.840.10008.1.2.2',
      elements: { ...greyImage(2, 2), ...attributes, PixelData: swapped },
    })
    expect([...image.pixels]).toEqual(values)
  })

  it('bytes in words of big endian are turned round with them', async () => {
    const elements = { ...greyImage(2, 2, 8), PixelData: Uint8Array.from([2, 1, 4, 3]) }
    expect([...(await read({ syntax: '1.2.840.10008.1.2.2', elements })).pixels]).toEqual([1, 2, 3, 4])
  })

  it('single bits, frames that do not begin with a byte', async () => {
    const elements = { ...greyImage(3, 3), NumberOfFrames: '2', BitsAllocated: 1, BitsStored: 1, HighBit: 0 }
    const image = await read({ elements: { ...elements, PixelData: Uint8Array.from([0b10000001, 0b00000011, 0, 0]) } })
    expect([...image.pixels]).toEqual([1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(image).toMatchObject({ frames: 2, bitsAllocated: 8, bitsStored: 1 })
  })

  it('32 bits, signed and not', async () => {
    const bytes = Buffer.from(Int32Array.from([-5, 2 ** 31 - 1, -(2 ** 31), 0]).buffer)
    const elements = { ...greyImage(2, 2), BitsAllocated: 32, BitsStored: 32, HighBit: 31, PixelData: bytes }
    expect([...(await read({ elements: { ...elements, PixelRepresentation: 1 } })).pixels]).toEqual([
      -5,
      2 ** 31 - 1,
      -(2 ** 31),
      0,
    ])
    expect((await read({ elements })).pixels[0]).toBe(2 ** 32 - 5)
  })

  it('floats', async () => {
    const { BitsStored, HighBit, PixelRepresentation, ...rest } = greyImage(1, 2)
    const elements = { ...rest, BitsAllocated: 32, FloatPixelData: Buffer.from(Float32Array.from([0.5, -2]).buffer) }
    const image = await read({ elements })
    expect(image).toMatchObject({ isFloat: true, bitsAllocated: 32 })
    expect([...image.pixels]).toEqual([0.5, -2])
  })

  it('colours, pixel by pixel and plane by plane', async () => {
    const pixels = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    const planes = Uint8Array.from([1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12])
    expect([...(await read({ elements: { ...colour('RGB'), PixelData: pixels } })).pixels]).toEqual([...pixels])
    expect([...(await read({ elements: { ...colour('RGB', 1), PixelData: planes } })).pixels]).toEqual([...pixels])
  })

  it('colour differences become RGB (PS3.3 C.7.6.3.1.2)', async () => {
    const image = await read({
      elements: {
        ...colour('YBR_FULL'),
        PixelData: Uint8Array.from([76, 85, 255, 150, 44, 21, 29, 255, 107, 128, 128, 128]),
      },
    })
    expect([...image.pixels]).toEqual([254, 0, 0, 0, 255, 1, 0, 0, 254, 128, 128, 128])
    expect(image).toMatchObject({ photometric: 'RGB', attributes: { sourcePhotometric: 'YBR_FULL' } })
  })

  it('halved colours are given to both pixels', async () => {
    const pixels = Uint8Array.from([10, 20, 128, 128, 30, 40, 128, 128])
    const image = await read({ elements: { ...colour('YBR_FULL_422'), PixelData: pixels } })
    expect([...image.pixels]).toEqual([10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40])
  })

  it.each([
    ['too few bytes', { PixelData: new Uint8Array(6) }, 'image_truncated PixelData'],
    ['a frame more than it says', { PixelData: new Uint8Array(16) }, 'image_malformed more pixel data than frames'],
    ['10^9 pixels claimed', { Rows: 40_000, Columns: 30_000, PixelData: new Uint8Array(8) }, 'image_too_large frame'],
    [
      '10^9 pixels claimed in frames',
      { NumberOfFrames: '100000000', PixelData: new Uint8Array(8) },
      'image_too_complex frames',
    ],
    [
      '10^9 pixels claimed in few frames',
      { Rows: 8000, Columns: 8000, NumberOfFrames: '16', PixelData: new Uint8Array(8) },
      'image_too_large pixels',
    ],
    ['no rows', { Rows: 0, PixelData: new Uint8Array(8) }, 'image_malformed Rows'],
    ['half a frame', { NumberOfFrames: '1.5', PixelData: new Uint8Array(8) }, 'image_malformed NumberOfFrames'],
    ['more bits stored than there are', { BitsStored: 17, PixelData: new Uint8Array(8) }, 'image_malformed BitsStored'],
    [
      'bits that start below the word',
      { BitsStored: 12, HighBit: 3, PixelData: new Uint8Array(8) },
      'image_malformed HighBit',
    ],
    [
      '12 bits allocated',
      { BitsAllocated: 12, BitsStored: 12, HighBit: 11, PixelData: new Uint8Array(8) },
      'image_pixel_format_unsupported BitsAllocated',
    ],
    [
      'one sample called colour',
      { PhotometricInterpretation: 'RGB', PixelData: new Uint8Array(8) },
      'image_malformed PhotometricInterpretation',
    ],
    [
      'an unknown interpretation',
      { PhotometricInterpretation: 'HSV', PixelData: new Uint8Array(8) },
      'image_pixel_format_unsupported PhotometricInterpretation',
    ],
    ['no pixels at all', {}, 'image_without_pixels'],
  ])('are refused with %s', async (_name, attributes, code) => {
    expect(await codeOf({ elements: { ...greyImage(2, 2), ...attributes } })).toBe(code)
  })

  it('are refused when an attribute is not there', async () => {
    const { Rows, ...rest } = greyImage(2, 2)
    expect(await codeOf({ elements: { ...rest, PixelData: new Uint8Array(8) } })).toBe('image_attribute_missing Rows')
  })
})

describe('palettes', () => {
  const descriptors = (bits: number, size = 4) => ({
    PhotometricInterpretation: 'PALETTE COLOR',
    RedPaletteColorLookupTableDescriptor: [size, 1, bits],
    GreenPaletteColorLookupTableDescriptor: [size, 1, bits],
    BluePaletteColorLookupTableDescriptor: [size, 1, bits],
  })
  const indices = { ...greyImage(2, 2, 8), PixelData: Uint8Array.from([0, 1, 4, 200]) }
  const table = (bytes: Uint8Array) => ({
    RedPaletteColorLookupTableData: bytes,
    GreenPaletteColorLookupTableData: bytes,
    BluePaletteColorLookupTableData: bytes,
  })
  const segments = (data: readonly number[]) => ({
    SegmentedRedPaletteColorLookupTableData: wordBytes(data),
    SegmentedGreenPaletteColorLookupTableData: wordBytes(data),
    SegmentedBluePaletteColorLookupTableData: wordBytes(data),
  })
  const red = (image: SourceImage): number[] => [...image.pixels].filter((_, index) => index % 3 === 0)

  it.each([
    ['of 16 bits', descriptors(16), table(wordBytes([100, 200, 300, 400])), [100, 100, 400, 400]],
    ['of 8 bits, one in a word', descriptors(8), table(wordBytes([10, 20, 30, 40])), [10, 10, 40, 40]],
    ['of 8 bits, two in a word', descriptors(8), table(Uint8Array.from([10, 20, 30, 40])), [10, 10, 40, 40]],
    ['of segments', descriptors(16, 6), segments([0, 1, 100, 1, 2, 200, 2, 1, 0, 0, 0, 2, 7, 8]), [100, 100, 100, 8]],
  ])('%s are applied, with the ends for what lies outside', async (_name, described, data, expected) => {
    const image = await read({ elements: { ...indices, ...described, ...data } })
    expect(red(image)).toEqual(expected)
    expect(image).toMatchObject({ samplesPerPixel: 3, photometric: 'RGB', isSigned: false })
  })

  it.each([
    ['too short', descriptors(16), table(wordBytes([1, 2, 3]))],
    ['of segments that fill too much', descriptors(16), segments([0, 5, 1, 2, 3, 4, 5])],
    ['of segments that begin with a line', descriptors(16), segments([1, 4, 9])],
    ['of a segment that repeats itself', descriptors(16), segments([2, 1, 0, 0])],
    ['of segments that end early', descriptors(16), segments([0, 2, 1, 2])],
    ['of nine bits', descriptors(9), table(wordBytes([1, 2, 3, 4]))],
  ])('%s are refused', async (_name, described, data) => {
    expect(await codeOf({ elements: { ...indices, ...described, ...data } })).toBe('image_malformed palette')
  })
})

describe('compressed frames', () => {
  const elements = greyImage(rows, columns)
  const small = testPixels(count, 12)
  const frame = { width: columns, height: rows, bitsPerSample: 16, componentCount: 1, isSigned: false }

  it('RLE', async () => {
    const image = await read({ syntax: '1.2.840.10008.1.2.5', elements, fragments: [encodeRle([high, low])] })
    expect([...image.pixels]).toEqual([...words])
  })

  it('deflated frames', async () => {
    const image = await read({ syntax: '1.2.840.10008.1.2.8.1', elements, fragments: [deflateRawSync(wordsAsBytes)] })
    expect([...image.pixels]).toEqual([...words])
  })

  it.each([false, true])('JPEG lossless, 16 bits, restarts: %s', async (hasRestarts) => {
    const fragments = [encodeLossless(words, rows, columns, 16, hasRestarts)]
    const image = await read({ syntax: '1.2.840.10008.1.2.4.70', elements, fragments })
    expect([...image.pixels]).toEqual([...words])
  })

  it.each([8, 12] as const)('JPEG of %s bits: flat blocks are what they were', async (bits) => {
    const levels = [3, 50, 100, 150, 200, 255].map((level) => level * (bits === 8 ? 1 : 16))
    const fragments = [encodeFlatBlocks(levels, rows, columns, bits)]
    const image = await read({
      syntax: '1.2.840.10008.1.2.4.51',
      elements: greyImage(rows, columns, bits === 8 ? 8 : 16),
      fragments,
    })
    const expected = Array.from({ length: count }, (_, index) => {
      const [row, column] = [Math.floor(index / columns), index % columns]
      return levels[Math.floor(row / 8) * 3 + Math.floor(column / 8)]
    })
    expect([...image.pixels]).toEqual(expected)
  })

  it.each([
    ['jpeg-ls', '1.2.840.10008.1.2.4.80'],
    ['jpeg-2000', '1.2.840.10008.1.2.4.90'],
    ['htj2k', '1.2.840.10008.1.2.4.201'],
  ] as const)('%s', async (codec, syntax) => {
    const bytes = await encodeWith(codec, frame, Buffer.from(small.buffer))
    expect([...(await read({ syntax, elements, fragments: [bytes] })).pixels]).toEqual([...small])
    expect(await codeOf({ syntax, elements: { ...elements, Rows: rows + 1 }, fragments: [bytes] })).toMatch(
      /^image_compressed_data_invalid/,
    )
    expect(await codeOf({ syntax, elements: { ...elements, BitsStored: 8, HighBit: 7 }, fragments: [bytes] })).toBe(
      'image_compressed_data_invalid more bits than stored',
    )
    for (let length = 0; length < bytes.length; length += 7) {
      expect(await codeOf({ syntax, elements, fragments: [bytes.subarray(0, length)] })).toMatch(
        /^(read|image_compressed)/,
      )
    }
  })

  it.each([
    ['another size', (jpeg: Buffer) => jpeg, { Rows: 11 }, 'image_compressed_data_invalid JPEG size'],
    [
      'another process',
      (jpeg: Buffer) => swapMarker(jpeg, 0xc3, 0xc1),
      {},
      'image_compressed_data_invalid JPEG process',
    ],
    [
      'a progressive frame',
      (jpeg: Buffer) => swapMarker(jpeg, 0xc3, 0xc2),
      {},
      'image_pixel_format_unsupported JPEG process',
    ],
    [
      'an end in the middle',
      (jpeg: Buffer) => jpeg.subarray(0, jpeg.length - 100),
      {},
      'image_compressed_data_invalid JPEG data end early',
    ],
    [
      'no table',
      (jpeg: Buffer) => swapMarker(jpeg, 0xc4, 0xfe),
      {},
      'image_compressed_data_invalid JPEG table missing',
    ],
    ['nothing', () => Buffer.alloc(0), {}, 'image_compressed_data_invalid JPEG start'],
  ])('JPEG is refused with %s', async (_name, change, attributes, code) => {
    const jpeg = change(encodeLossless(words, rows, columns, 16))
    expect(
      await codeOf({ syntax: '1.2.840.10008.1.2.4.70', elements: { ...elements, ...attributes }, fragments: [jpeg] }),
    ).toBe(code)
  })

  it.each([
    ['segments that are not as many as bytes', encodeRle([low])],
    ['segments that end early', encodeRle([high.subarray(0, 9), low])],
    ['segments that hold more', encodeRle([Buffer.concat([high, high]), low])],
    ['offsets that lie', Buffer.concat([Buffer.from([2, 0, 0, 0, 255, 255, 255, 255]), Buffer.alloc(80)])],
    ['no header', Buffer.alloc(10)],
  ])('RLE is refused with %s', async (_name, fragment) => {
    expect(await codeOf({ syntax: '1.2.840.10008.1.2.5', elements, fragments: [fragment] })).toBe(
      'image_compressed_data_invalid RLE',
    )
  })

  it('a deflated frame is refused when it grows beyond the frame', async () => {
    const bomb = deflateRawSync(Buffer.alloc(32 * 1024 * 1024))
    expect(await codeOf({ syntax: '1.2.840.10008.1.2.8.1', elements, fragments: [bomb] })).toBe(
      'image_too_large inflated',
    )
  })

  it('a transfer syntax that is not decoded is named so', async () => {
    expect(await codeOf({ syntax: '1.2.840.10008.1.2.4.100', elements, fragments: [low] })).toBe(
      'image_transfer_syntax_unsupported',
    )
  })
})

describe('fragments of several frames', () => {
  const half = encodeRle([high.subarray(0, 4), low.subarray(0, 4)])
  const other = encodeRle([high.subarray(4, 8), low.subarray(4, 8)])
  const elements = { ...greyImage(2, 2), NumberOfFrames: '2' }
  const syntax = '1.2.840.10008.1.2.5'
  const cut = [half.subarray(0, 66), half.subarray(66), other.subarray(0, 66), other.subarray(66)]
  const second = half.length + 16

  it('one to a frame', async () => {
    expect([...(await read({ syntax, elements, fragments: [half, other] })).pixels]).toEqual([...words.subarray(0, 8)])
  })

  it('several to a frame, by the offset table', async () => {
    const image = await read({ syntax, elements, fragments: cut, offsets: [0, second] })
    expect([...image.pixels]).toEqual([...words.subarray(0, 8)])
  })

  it('several to a frame, by the extended offset table', async () => {
    const table = Buffer.from(BigUint64Array.from([0n, BigInt(second)]).buffer)
    const image = await read({ syntax, elements: { ...elements, ExtendedOffsetTable: table }, fragments: cut })
    expect([...image.pixels]).toEqual([...words.subarray(0, 8)])
  })

  it('several to a frame, by where codestreams begin', async () => {
    const jpegs = [words.subarray(0, 4), words.subarray(4, 8)].map((part) => encodeLossless(part, 2, 2, 16))
    const fragments = jpegs.flatMap((jpeg) => [jpeg.subarray(0, 30), jpeg.subarray(30)])
    const image = await read({ syntax: '1.2.840.10008.1.2.4.70', elements, fragments })
    expect([...image.pixels]).toEqual([...words.subarray(0, 8)])
  })

  it.each([
    ['inside a fragment', [0, second + 2]],
    ['twice the same place', [0, 0]],
    ['backwards', [second, 0]],
    ['beyond the end', [0, 0xfffffff0]],
    ['for too few frames', [0]],
    ['nowhere', []],
  ])('an offset table that points %s is refused', async (_name, offsets) => {
    expect(await codeOf({ syntax, elements, fragments: cut, offsets })).toBe('image_malformed frame offsets')
  })

  it('fewer fragments than frames are refused', async () => {
    expect(await codeOf({ syntax, elements, fragments: [half] })).toBe('image_truncated frames')
  })
})

function swapMarker(jpeg: Buffer, from: number, to: number): Buffer {
  const out = Buffer.from(jpeg)
  const at = out.indexOf(Buffer.from([0xff, from]))
  out[at + 1] = to
  return out
}
