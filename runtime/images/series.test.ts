import { describe, expect, it } from 'vitest'
import { decodeFiles } from './decode-files.ts'
import type { SourceImage } from './decoded-image.ts'
import { ImageError } from './errors.ts'
import { defaultImageLimits } from './limits.ts'
import { WasmCodecs } from './pixels/codecs.ts'
import { greyImage, type TestElements, wordBytes, writeDicom } from './testkit/dicom-writer.ts'

function slice(depth: number, more: TestElements = {}): Buffer {
  return writeDicom({
    elements: {
      ...greyImage(2, 2),
      Modality: 'MR',
      SeriesInstanceUID: '1.2.3',
      SOPInstanceUID: `1.2.3.${Math.abs(Math.round(depth))}`,
      PatientID: 'P1',
      PixelSpacing: '0.5\\0.25',
      ImageOrientationPatient: '1\\0\\0\\0\\1\\0',
      ImagePositionPatient: `-10\\-20\\${depth}`,
      RescaleSlope: '2',
      PixelData: wordBytes([depth & 0xff, 0, 0, 0]),
      ...more,
    },
  })
}

const join = (files: readonly Buffer[]): Promise<SourceImage> =>
  decodeFiles(files, defaultImageLimits, new WasmCodecs(), 'values')

async function codeOf(files: readonly Buffer[]): Promise<string> {
  try {
    await join(files)
    return 'read'
  } catch (error) {
    return error instanceof ImageError ? `${error.code} ${error.about ?? ''}`.trim() : `not ours: ${String(error)}`
  }
}

describe('a series', () => {
  it('is put in the order of its positions, whatever order it came in', async () => {
    const image = await join([slice(30), slice(10), slice(20)])
    expect(image.pixels.filter((_, index) => index % 4 === 0)).toEqual(Uint16Array.from([10, 20, 30]))
    expect(image.frameFacts.map(({ file }) => file)).toEqual([1, 2, 0])
    expect(image.identity.sopInstanceUids).toEqual(['1.2.3.10', '1.2.3.20', '1.2.3.30'])
    expect(image.frameFacts[0]).toMatchObject({ rescaleSlope: 2, position: [-10, -20, 10] })
    expect(image.volume).toEqual({
      affineRas: [-0.25, 0, 0, 10, 0, -0.5, 0, 20, 0, 0, 10, 10],
      spacingMm: [0.25, 0.5, 10],
      hasOrientation: true,
    })
  })

  it('a sagittal one is ordered along its own normal', async () => {
    const along = (x: number) =>
      slice(x, { ImageOrientationPatient: '0\\1\\0\\0\\0\\-1', ImagePositionPatient: `${x}\\0\\0` })
    const image = await join([along(5), along(-5), along(0)])
    expect(image.frameFacts.map(({ position }) => position?.[0])).toEqual([5, 0, -5])
    expect(image.volume?.affineRas.slice(0, 4)).toEqual([0, 0, 5, -5])
  })

  it.each([
    ['a missing slice', [slice(0), slice(10), slice(30)], 'image_series_spacing gap'],
    ['a slice twice', [slice(0), slice(10), slice(10)], 'image_series_spacing gap'],
    ['all at one place', [slice(0), slice(0)], 'image_series_spacing slices at one place'],
    ['another series', [slice(0), slice(10, { SeriesInstanceUID: '1.2.4' })], 'image_series_inconsistent series'],
    ['another patient', [slice(0), slice(10, { PatientID: 'P2' })], 'image_series_inconsistent patient'],
    ['another size', [slice(0), slice(10, { Rows: 1, Columns: 4 })], 'image_series_inconsistent image format'],
    ['another spacing', [slice(0), slice(10, { PixelSpacing: '1\\1' })], 'image_series_inconsistent spacing'],
    [
      'another direction',
      [slice(0), slice(10, { ImageOrientationPatient: '1\\0\\0\\0\\0\\-1' })],
      'image_series_inconsistent orientation',
    ],
    ['no position', [slice(0), slice(10, { ImagePositionPatient: '' })], 'image_series_inconsistent position'],
    [
      'slices that shift',
      [slice(0), slice(10, { ImagePositionPatient: '-8\\-20\\10' })],
      'image_series_inconsistent tilt',
    ],
    ['a file that is none', [slice(0), Buffer.alloc(600)], 'image_not_recognised'],
    ['nothing', [], 'image_not_recognised'],
  ])('is refused with %s', async (_name, files, code) => {
    expect(await codeOf(files)).toBe(code)
  })

  it('is refused when all files together are larger than the limit', async () => {
    const limits = { ...defaultImageLimits, maxPixelBytes: 12 }
    const reading = decodeFiles([slice(0), slice(10)], limits, new WasmCodecs(), 'values')
    await expect(reading).rejects.toMatchObject({ code: 'image_too_large' })
  })
})

describe('attributes that guards ask for', () => {
  const born = (day: string) => ({ PatientBirthDate: day, StudyDate: '20200101' })
  const seventy = { patientAgeYears: expect.closeTo(70, 1) }

  it.each([
    ['the age as it is said', { PatientAge: '018M' }, { patientAgeYears: 1.5 }],
    [
      'the age from birth to study',
      { PatientBirthDate: '20000101', StudyDate: '20100101' },
      { patientAgeYears: expect.closeTo(10, 1) },
    ],
    [
      'no age from a date that does not exist',
      { PatientBirthDate: '20000231', StudyDate: '20100101' },
      { patientAgeYears: undefined },
    ],
    ['no age from words', { PatientAge: 'OLD' }, { patientAgeYears: undefined }],
    ['the age from birth to study where no years are said', { ...born('19500101'), PatientAge: '000Y' }, seventy],
    ['no age of no years, months or weeks', { PatientAge: '000M' }, { patientAgeYears: undefined }],
    ['the age of a newborn', { PatientAge: '000D' }, { patientAgeYears: 0 }],
    ['no age where two are said', { ...born('19500101'), PatientAge: '004Y' }, { patientAgeYears: undefined }],
    ['the age as it is said where birth agrees', { ...born('19500101'), PatientAge: '069Y' }, { patientAgeYears: 69 }],
    ['sex and side', { PatientSex: 'F', ImageLaterality: 'L' }, { patientSex: 'F', laterality: 'L' }],
    ['orientation of the patient', { PatientOrientation: 'L\\F' }, { patientOrientation: ['L', 'F'] }],
    ['burned-in annotation', { BurnedInAnnotation: 'YES' }, { burnedInAnnotation: true }],
    [
      'codes, whatever their case',
      { BodyPartExamined: 'chest', ViewPosition: 'PA' },
      { bodyPart: 'CHEST', viewPosition: 'PA' },
    ],
    ['no text longer than a code', { BodyPartExamined: 'X'.repeat(17) }, { bodyPart: undefined }],
    ['image type', { ImageType: 'DERIVED\\SECONDARY' }, { imageType: ['DERIVED', 'SECONDARY'] }],
  ])('%s', async (_name, elements, expected) => {
    expect((await join([slice(0, elements)])).attributes).toMatchObject(expected)
  })

  it('windows and look-up tables are handed on, a table that lies is refused', async () => {
    const table = { LUTDescriptor: [3, 0xfffe, 12], LUTData: wordBytes([1, 2, 3]) }
    const image = await join([
      slice(0, { WindowCenter: '40\\400', WindowWidth: '80\\2000', VOILUTSequence: [table], PixelRepresentation: 1 }),
    ])
    expect(image.frameFacts[0]?.windows).toEqual([
      { center: 40, width: 80 },
      { center: 400, width: 2000 },
    ])
    expect(image.voiLut).toEqual({ first: -2, bitsPerEntry: 12, values: Uint16Array.from([1, 2, 3]) })
    const short = { ...table, LUTDescriptor: [4, 0, 12] }
    expect(await codeOf([slice(0, { ModalityLUTSequence: [short] })])).toBe('image_malformed look-up table')
    expect(await codeOf([slice(0, { RescaleSlope: '0' })])).toBe('image_malformed RescaleSlope')
  })
})
