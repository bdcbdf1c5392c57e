import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decodeFiles } from './decode-files.ts'
import type { SourceImage } from './decoded-image.ts'
import { ImageError } from './errors.ts'
import { defaultImageLimits } from './limits.ts'
import { WasmCodecs } from './pixels/codecs.ts'
import {
  greyImage,
  type TestElements,
  type TestFile,
  testPixels,
  wordBytes,
  writeDicom,
} from './testkit/dicom-writer.ts'
import { encodeFlatBlocks, encodeLossless, encodeRle, encodeWith } from './testkit/encoders.ts'
import { writeNifti } from './testkit/nifti-writer.ts'

const read = (...files: Uint8Array[]): Promise<SourceImage> =>
  decodeFiles(files, defaultImageLimits, new WasmCodecs(), 'values')

async function codeOf(...files: Uint8Array[]): Promise<string> {
  try {
    await read(...files)
    return 'read'
  } catch (error) {
    if (!(error instanceof ImageError)) throw error
    return `${error.code}${error.about === undefined ? '' : ` ${error.about}`}`
  }
}

const grey = (elements: TestElements): Buffer =>
  writeDicom({ elements: { ...greyImage(2, 2), PixelData: new Uint8Array(8), ...elements } })
const colour = (elements: TestElements): Buffer =>
  grey({
    ...greyImage(2, 2, 8),
    SamplesPerPixel: 3,
    PlanarConfiguration: 0,
    PixelData: new Uint8Array(12),
    ...elements,
  })
const nifti = (change: object): Buffer =>
  writeNifti({ dim: [2, 2, 2], datatype: 2, voxels: new Uint8Array(8), ...change })

describe('numbers that look like others', () => {
  it.each([
    ['words', '1.5 mm'],
    ['two', '2\\3'],
    ['none', 'NaN'],
    ['one without an end', '1e400'],
    ['one of five thousand digits', '1'.repeat(5000)],
    ['zero', '0'],
  ])('a slope of %s is no slope of one', async (_name, RescaleSlope) => {
    expect(await codeOf(grey({ RescaleSlope, RescaleIntercept: '5' }))).toBe('image_malformed RescaleSlope')
  })

  it('an intercept of words is no intercept of zero, and one of spaces is none', async () => {
    expect(await codeOf(grey({ RescaleIntercept: 'water' }))).toBe('image_malformed RescaleIntercept')
    const { frameFacts } = await read(grey({ RescaleSlope: '2', RescaleIntercept: '  ' }))
    expect(frameFacts[0]).toMatchObject({ rescaleSlope: 2, rescaleIntercept: 0 })
  })

  it.each([
    ['no width', { WindowCenter: '1', WindowWidth: '0' }],
    ['a negative width', { WindowCenter: '1', WindowWidth: '-5' }],
    ['no number', { WindowCenter: 'NaN', WindowWidth: '5' }],
    ['two centres', { WindowCenter: '1\\2', WindowWidth: '5' }],
    ['a function that nobody knows', { WindowCenter: '1', WindowWidth: '5', VOILUTFunction: 'CUBIC' }],
  ])('a window of %s is none', async (_name, elements) => {
    expect((await read(grey(elements))).frameFacts[0]?.windows).toEqual([])
  })

  it('the function of a window is that of the group in which it stands', async () => {
    const group = { FrameVOILUTSequence: [{ WindowCenter: '1', WindowWidth: '5', VOILUTFunction: 'SIGMOID' }] }
    expect(await read(grey({ SharedFunctionalGroupsSequence: [group] }))).toMatchObject({ voiFunction: 'SIGMOID' })
  })

  it.each([['0\\0'], ['-1\\1'], ['1e300\\1e300'], ['1e-300\\1'], ['1']])('a spacing of %s is none', async (text) => {
    expect((await read(grey({ PixelSpacing: text }))).pixelSpacingMm).toBeUndefined()
  })

  it.each([
    ['nobody is 999', { PatientAge: '999Y' }, 'patientAgeYears'],
    ['two ages', { PatientAge: '005Y\\045Y' }, 'patientAgeYears'],
    ['two modalities', { Modality: 'CR\\MR' }, 'modality'],
    ['two sexes', { PatientSex: 'F\\M' }, 'patientSex'],
    ['a side among others', { ImageLaterality: 'L\\R' }, 'laterality'],
  ] as const)('%s: it is as if nothing were said', async (_name, elements, attribute) => {
    expect((await read(grey(elements))).attributes[attribute]).toBeUndefined()
  })

  it('frames are counted by one number', async () => {
    expect(await codeOf(grey({ NumberOfFrames: '1\\2' }))).toBe('image_malformed NumberOfFrames')
    expect(await codeOf(grey({ NumberOfFrames: '2147483648' }))).toBe('image_too_complex frames')
  })

  it('a table has no entry beyond its bits', async () => {
    const table = { LUTDescriptor: [2, 0, 8], LUTData: wordBytes([1, 256]) }
    expect(await codeOf(grey({ VOILUTSequence: [table] }))).toBe('image_malformed look-up table')
    const descriptor = [1, 0, 8]
    const palette = Object.fromEntries(
      ['Red', 'Green', 'Blue'].flatMap((name) => [
        [`${name}PaletteColorLookupTableDescriptor`, descriptor],
        [`${name}PaletteColorLookupTableData`, wordBytes([300])],
      ]),
    )
    const elements = { ...greyImage(2, 2, 8), PhotometricInterpretation: 'PALETTE COLOR', ...palette }
    expect(await codeOf(grey({ ...elements, PixelData: new Uint8Array(4) }))).toBe('image_malformed palette')
  })
})

describe('a patient who is not the one', () => {
  it.each([
    ['a zero between two texts', Buffer.from('P1\0 234 ')],
    ['a sign that turns the writing round', Buffer.from('P1\u202e23')],
    ['a line of its own', Buffer.from('P1\n2')],
    ['an escape', Buffer.from('P1\u001b[2J ')],
    ['a byte that the set does not define', Buffer.from([0x50, 0xff])],
    ['more than the standard allows', Buffer.from('X'.repeat(66))],
    ['more than anybody reads', Buffer.from('X'.repeat(300))],
  ])('%s in an identifier: none is read, and that there is one is said', async (_name, PatientID) => {
    const { identity } = await read(grey({ SpecificCharacterSet: 'ISO_IR 192', PatientID }))
    expect(identity).toMatchObject({ patientId: undefined, isPatientUnreadable: true })
  })

  it.each([
    ['no identifier', {}],
    ['an empty one', { PatientID: '' }],
    ['one of spaces and zeros', { PatientID: Buffer.from('  \0\0') }],
  ])('%s names nobody', async (_name, elements) => {
    const { identity } = await read(grey(elements))
    expect(identity).toMatchObject({ patientId: undefined, isPatientUnreadable: false })
  })

  it("who cannot be read in one slice of a series makes it nobody's", async () => {
    const slice = (z: number, PatientID: Uint8Array) =>
      grey({
        SeriesInstanceUID: '2.25.3',
        PixelSpacing: '1\\1',
        ImageOrientationPatient: '1\\0\\0\\0\\1\\0',
        ImagePositionPatient: `0\\0\\${z}`,
        PatientID,
      })
    const [none, odd] = [Buffer.from('  '), Buffer.from([0xc4, 0x41])]
    expect(await codeOf(slice(0, none), slice(1, odd))).toBe('image_series_inconsistent patient')
    expect((await read(slice(0, odd), slice(1, odd))).identity.isPatientUnreadable).toBe(true)
  })

  it('a coding that always loses something has lost it, whatever the file says', async () => {
    const fragments = [encodeFlatBlocks([10, 60, 110, 160], 8, 8, 8)]
    const elements = { ...greyImage(8, 8, 8), LossyImageCompression: '00' }
    const baseline = writeDicom({ syntax: '1.2.840.10008.1.2.4.50', elements, fragments })
    expect((await read(baseline)).attributes.lossyCompressed).toBe(true)
    expect((await read(grey({ LossyImageCompression: '00' }))).attributes.lossyCompressed).toBe(false)
    expect((await read(grey({}))).attributes.lossyCompressed).toBeUndefined()
  })

  it('padding belongs to none', async () => {
    expect((await read(grey({ PatientID: 'P1 \0\0' }))).identity.patientId).toBe('P1')
  })

  it('a character set of a name that every object has is none', async () => {
    const elements = { SpecificCharacterSet: 'constructor', PatientID: Buffer.from([0xc4, 0x41]) }
    expect((await read(grey(elements))).identity.patientId).toBeUndefined()
    for (const syntax of ['constructor', '__proto__', 'toString']) {
      const file = writeDicom({ syntax, elements: { ...greyImage(2, 2), PixelData: new Uint8Array(8) } })
      expect(await codeOf(file)).toBe('image_transfer_syntax_unsupported')
    }
  })

  const slice = (at: string, elements: TestElements = {}): Buffer =>
    grey({
      PatientID: 'P1',
      SeriesInstanceUID: '1.2.3',
      PixelSpacing: '1\\1',
      ImageOrientationPatient: '1\\0\\0\\0\\1\\0',
      ImagePositionPatient: `0\\0\\${at}`,
      ...elements,
    })

  it('of a series only what all of its files say is said', async () => {
    const one = { BodyPartExamined: 'CHEST', PatientAge: '005Y', PatientOrientation: 'L\\P', BurnedInAnnotation: 'NO' }
    const other = {
      BodyPartExamined: 'HEAD',
      PatientAge: '045Y',
      PatientOrientation: 'L\\F',
      BurnedInAnnotation: 'YES',
    }
    const { attributes } = await read(slice('0', one), slice('1', other))
    expect(attributes).toMatchObject({ modality: 'CR', patientOrientation: [], burnedInAnnotation: true })
    expect(attributes.bodyPart).toBeUndefined()
    expect(attributes.patientAgeYears).toBeUndefined()
    expect((await read(slice('0', one), slice('1', one))).attributes).toMatchObject({ bodyPart: 'CHEST' })
  })

  it('slices so far apart that a number cannot say it lie nowhere', async () => {
    expect(await codeOf(slice('-1e308'), slice('1e308'))).toBe('image_series_inconsistent position')
    const frames = ['-1e308', '1e308'].map((at) => ({
      PlanePositionSequence: [{ ImagePositionPatient: `0\\0\\${at}` }],
    }))
    const shared = { PlaneOrientationSequence: [{ ImageOrientationPatient: '1\\0\\0\\0\\1\\0' }] }
    const { volume } = await read(
      grey({
        NumberOfFrames: '2',
        PixelSpacing: '1\\1',
        SharedFunctionalGroupsSequence: [shared],
        PerFrameFunctionalGroupsSequence: frames,
        PixelData: new Uint8Array(16),
      }),
    )
    expect(volume).toBeUndefined()
  })
})

describe('a NIfTI', () => {
  it.each([
    ['an infinite slope', { slope: Number.POSITIVE_INFINITY }, 'image_malformed scl_slope'],
    ['an intercept that is none', { slope: 1, intercept: Number.NaN }, 'image_malformed scl_inter'],
    ['axes in one plane', { rows: [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0] }, 'image_malformed affine'],
    ['a size that is none', { pixdim: [Number.NaN, 1, 1] }, 'image_malformed affine'],
    ['voxels smaller than atoms', { pixdim: [1e-30, 1, 1] }, 'image_malformed affine'],
    ['voxels larger than the house', { pixdim: [1e30, 1, 1] }, 'image_malformed affine'],
    ['a negative fourth dimension', { dim: [2, 2, 2, -5] }, 'image_malformed dim'],
  ])('with %s is refused', async (_name, change, code) => {
    expect(await codeOf(nifti(change))).toBe(code)
  })

  it('whose slope is no number is not scaled, and one that does not say its sizes has none', async () => {
    expect((await read(nifti({ slope: Number.NaN }))).frameFacts[0]).toMatchObject({ rescaleSlope: 1 })
    expect(await read(nifti({ pixdim: [0, 1, 1] }))).toMatchObject({ volume: undefined, pixelSpacingMm: undefined })
  })

  it('of a gigabyte of nothing is not unpacked', async () => {
    expect(await codeOf(gzipSync(Buffer.alloc(2 ** 30)))).toBe('image_too_large inflated')
    expect(await codeOf(gzipSync(gzipSync(nifti({}))))).toBe('image_not_recognised')
  }, 30_000)
})

describe('colours that are none', () => {
  const wide = { BitsAllocated: 16, BitsStored: 16, HighBit: 15, PixelData: new Uint8Array(24) }
  it.each([
    ['differences of sixteen bits', { PhotometricInterpretation: 'YBR_FULL', ...wide }],
    [
      'halved ones of sixteen bits',
      { PhotometricInterpretation: 'YBR_FULL_422', ...wide, PixelData: new Uint8Array(16) },
    ],
    ['differences of seven bits', { PhotometricInterpretation: 'YBR_FULL', BitsStored: 7, HighBit: 6 }],
    ['signed differences', { PhotometricInterpretation: 'YBR_FULL', PixelRepresentation: 1 }],
    ['those of JPEG 2000 without it', { PhotometricInterpretation: 'YBR_RCT' }],
  ])('%s are refused, not shown as others', async (_name, elements) => {
    expect(await codeOf(colour(elements))).toBe('image_pixel_format_unsupported YBR')
  })
})

describe('work that grows faster than the file', () => {
  it('many frames and many items in what they share', async () => {
    const started = performance.now()
    const positions = new Array<TestElements>(190_000).fill({})
    const shared = [{ PlanePositionSequence: positions, PixelMeasuresSequence: [] }]
    const elements = { ...greyImage(1, 1), NumberOfFrames: '4096', SharedFunctionalGroupsSequence: shared }
    expect(await codeOf(grey({ ...elements, PixelData: new Uint8Array(8192) }))).toBe('read')
    expect(performance.now() - started).toBeLessThan(5000)
  }, 120_000)

  it.each<[string, () => TestFile, string]>([
    ['tens of thousands of tiles', tiles, 'image_compressed_data_invalid JPEG 2000 tiles'],
    [
      'tens of thousands of fragments of nothing',
      () => ({
        syntax: '1.2.840.10008.1.2.4.90',
        elements: { ...greyImage(1, 1), NumberOfFrames: '4096' },
        fragments: new Array<Uint8Array>(65_536).fill(new Uint8Array()),
      }),
      'image_malformed frame offsets',
    ],
    [
      'a hundred megabytes of nothing behind a start',
      () => ({
        syntax: '1.2.840.10008.1.2.4.80',
        elements: greyImage(2, 2),
        fragments: [Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(1e8)])],
      }),
      'image_compressed_data_invalid JPEG-LS end',
    ],
    [
      'a hundred megabytes that say nothing',
      () => ({ syntax: '1.2.840.10008.1.2.5', elements: greyImage(2, 2), fragments: [nothingInRle()] }),
      'image_compressed_data_invalid RLE',
    ],
  ])(
    '%s',
    async (_name, file, code) => {
      const bytes = writeDicom(file())
      const started = performance.now()
      expect(await codeOf(bytes)).toBe(code)
      expect(performance.now() - started).toBeLessThan(5000)
    },
    60_000,
  )
})

function nothingInRle(): Buffer {
  const header = Buffer.alloc(64)
  for (const [index, word] of [2, 64, 64].entries()) header.writeUInt32LE(word, index * 4)
  return Buffer.concat([header, Buffer.alloc(1e8, 128)])
}

/** SIZ of an image of 8160² in tiles of 32², and one of them (ISO 15444-1 A.5.1 and A.4.2). */
function tiles(): TestFile {
  const stream = Buffer.alloc(65)
  stream.writeUInt32BE(0xff4fff51, 0)
  for (const [index, size] of [8160, 8160, 0, 0, 32, 32].entries()) stream.writeUInt32BE(size, 8 + index * 4)
  stream.writeUInt16BE(41, 4)
  stream.writeUInt16BE(1, 40)
  stream.set([15, 1, 1], 42)
  stream.writeUInt32BE(0xff90000a, 45)
  stream.writeUInt32BE(12, 51)
  stream.writeUInt16BE(0xffd9, 57)
  return { syntax: '1.2.840.10008.1.2.4.90', elements: greyImage(8160, 8160), fragments: [stream] }
}

/** A cut that a codec would fill with grey, zeros or its last colour is a finding that was never there, or one that is gone. */
describe('a compressed image of which a part is missing is never an image', async () => {
  const size = 32
  const words = testPixels(size * size, 12)
  const bytes = Buffer.from(words.buffer)
  const frame = { width: size, height: size, bitsPerSample: 16, componentCount: 1, isSigned: false }
  const high = Uint8Array.from(words, (word) => word >> 8)
  const low = Uint8Array.from(words, (word) => word & 0xff)
  const levels = Array.from({ length: 16 }, (_, index) => index * 13)
  const codings: [string, string, Uint8Array, 8 | 16][] = [
    ['RLE', '1.2.840.10008.1.2.5', encodeRle([high, low]), 16],
    ['JPEG', '1.2.840.10008.1.2.4.51', encodeFlatBlocks(levels, size, size, 8), 8],
    ['JPEG lossless', '1.2.840.10008.1.2.4.70', encodeLossless(words, size, size, 16), 16],
    ['JPEG-LS', '1.2.840.10008.1.2.4.80', await encodeWith('jpeg-ls', frame, bytes), 16],
    ['JPEG 2000', '1.2.840.10008.1.2.4.90', await encodeWith('jpeg-2000', frame, bytes), 16],
    ['HTJ2K', '1.2.840.10008.1.2.4.201', await encodeWith('htj2k', frame, bytes), 16],
  ]
  const ends: [string, (missing: number) => Uint8Array][] = [
    ['and nothing follows', () => new Uint8Array()],
    ['and the end is written after it', () => Uint8Array.of(0xff, 0xd9)],
    ['and zeros stand in its place', (missing) => new Uint8Array(missing)],
  ]
  for (const [name, syntax, whole, bits] of codings) {
    // RLE has no end, and zeros are pixels in it: nobody can tell.
    it.each(name === 'RLE' ? ends.slice(0, 2) : ends)(`${name}, %s`, async (_end, tail) => {
      const outcomes = new Set<string>()
      for (let part = 0; part < 20; part += 1) {
        const cut = Math.floor((whole.length * (part + 1)) / 22)
        const fragment = Buffer.concat([whole.subarray(0, cut), tail(whole.length - cut)])
        outcomes.add(await codeOf(writeDicom({ syntax, elements: greyImage(size, size, bits), fragments: [fragment] })))
      }
      expect([...outcomes].filter((code) => !/^image_(compressed_data_invalid|truncated)/.test(code))).toEqual([])
    })
  }
})
