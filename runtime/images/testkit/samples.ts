import { gzipSync } from 'node:zlib'
import { greyImage, testPixels, wordBytes, writeDicom } from './dicom-writer.ts'
import { encodeFlatBlocks, encodeLossless, encodeRle, encodeWith } from './encoders.ts'
import { writeNifti } from './nifti-writer.ts'

const [rows, columns] = [12, 20]
const count = rows * columns

/** One image of our own in each coding: small, valid, and different in structure. */
export async function makeSamples(): Promise<Map<string, Buffer>> {
  const words = testPixels(count, 12)
  const image = greyImage(rows, columns)
  const bytes = Buffer.from(words.buffer)
  const high = Uint8Array.from(words, (word) => word >> 8)
  const low = Uint8Array.from(words, (word) => word & 0xff)
  const frame = { width: columns, height: rows, bitsPerSample: 16, componentCount: 1, isSigned: false }
  const encapsulated = (syntax: string, fragment: Uint8Array, elements = image): Buffer =>
    writeDicom({ syntax, elements, fragments: [fragment] })
  const flat = encodeFlatBlocks([10, 60, 110, 160, 210, 250], rows, columns, 8)
  const sequences = {
    ModalityLUTSequence: [{ LUTDescriptor: [4, 0, 16], LUTData: wordBytes([1, 2, 3, 4]) }],
    SharedFunctionalGroupsSequence: [{ PixelMeasuresSequence: [{ PixelSpacing: '0.5\\0.5' }] }],
  }
  return new Map([
    ['explicit', writeDicom({ elements: { ...image, ...sequences, PixelData: bytes } })],
    ['open', writeDicom({ elements: { ...image, ...sequences, PixelData: bytes }, openSequences: true })],
    ['implicit', writeDicom({ syntax: '1.2.840.10008.1.2', elements: { ...image, ...sequences, PixelData: bytes } })],
    ['big', writeDicom({ syntax: '1.2.840.10008.1.2.2', elements: { ...image, ...sequences, PixelData: bytes } })],
    ['deflated', writeDicom({ syntax: '1.2.840.10008.1.2.1.99', elements: { ...image, PixelData: bytes } })],
    ['rle', encapsulated('1.2.840.10008.1.2.5', encodeRle([high, low]))],
    ['jpeg', encapsulated('1.2.840.10008.1.2.4.50', flat, greyImage(rows, columns, 8))],
    ['lossless', encapsulated('1.2.840.10008.1.2.4.70', encodeLossless(words, rows, columns, 16))],
    ['jpeg-ls', encapsulated('1.2.840.10008.1.2.4.80', await encodeWith('jpeg-ls', frame, bytes))],
    ['jpeg-2000', encapsulated('1.2.840.10008.1.2.4.90', await encodeWith('jpeg-2000', frame, bytes))],
    ['htj2k', encapsulated('1.2.840.10008.1.2.4.201', await encodeWith('htj2k', frame, bytes))],
    ['palette', writeDicom({ elements: paletteImage() })],
    ['enhanced', writeDicom({ elements: enhancedImage(), openSequences: true })],
    [
      'nifti-2',
      writeNifti({ version: 2, dim: [2, 2, 3], datatype: 64, voxels: new Uint8Array(96), slope: 2, rows: AFFINE }),
    ],
    ['nifti', writeNifti({ dim: [4, 3, 2], datatype: 4, voxels: wordBytes([...testPixels(24, 15)]) })],
    ['nifti.gz', gzipSync(writeNifti({ dim: [4, 3, 2], datatype: 16, voxels: new Uint8Array(96) }))],
  ])
}

const AFFINE = [-2, 0, 0, 90, 0, 3, 0, -126, 0, 0, 4, -72]

/** Three slices of a volume, each with what it says of itself. */
function enhancedImage() {
  const frame = (at: number) => ({
    PlanePositionSequence: [{ ImagePositionPatient: `-1.5\\2\\${at}` }],
    FrameVOILUTSequence: [{ WindowCenter: '40', WindowWidth: '400', VOILUTFunction: 'SIGMOID' }],
    PixelValueTransformationSequence: [{ RescaleSlope: '1.5', RescaleIntercept: `${-at}` }],
  })
  const shared = {
    PixelMeasuresSequence: [{ PixelSpacing: '0.5\\0.25' }],
    PlaneOrientationSequence: [{ ImageOrientationPatient: '1\\0\\0\\0\\1\\0' }],
  }
  return {
    ...greyImage(2, 2),
    NumberOfFrames: '3',
    PatientID: 'P1',
    PatientAge: '045Y',
    PatientOrientation: 'L\\P',
    BodyPartExamined: 'HEAD',
    SharedFunctionalGroupsSequence: [shared],
    PerFrameFunctionalGroupsSequence: [frame(0), frame(5), frame(10)],
    PixelData: wordBytes([...testPixels(12, 16)]),
  }
}

function paletteImage() {
  const entries = [0, 2, 100, 200, 1, 2, 255]
  return {
    ...greyImage(2, 2, 8),
    PhotometricInterpretation: 'PALETTE COLOR',
    RedPaletteColorLookupTableDescriptor: [4, 0, 16],
    GreenPaletteColorLookupTableDescriptor: [4, 0, 16],
    BluePaletteColorLookupTableDescriptor: [4, 0, 16],
    SegmentedRedPaletteColorLookupTableData: wordBytes(entries),
    SegmentedGreenPaletteColorLookupTableData: wordBytes(entries),
    SegmentedBluePaletteColorLookupTableData: wordBytes(entries),
    PixelData: Uint8Array.from([0, 1, 2, 3]),
  }
}
