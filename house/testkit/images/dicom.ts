import { greyImage, type TestElements, writeDicom } from '../../../runtime/images/testkit/dicom-writer.ts'
import type { GreyPicture } from './png.ts'

/** A computed radiograph that says of itself what `said` says, and no more; without an age, of nobody in particular. */
export function radiograph({ rows, columns, values }: GreyPicture, said: TestElements = {}): Buffer {
  return writeDicom({
    elements: {
      ...greyImage(rows, columns, 8),
      BodyPartExamined: 'CHEST',
      SOPInstanceUID: '2.25.1',
      StudyInstanceUID: '2.25.2',
      SeriesInstanceUID: '2.25.3',
      ...said,
      PixelData: values,
    },
  })
}

/** Eight-bit voxels in the order of a NIfTI file: columns, then rows, then slices. */
export interface Voxels {
  readonly sizes: readonly [columns: number, rows: number, slices: number]
  readonly values: Uint8Array
  /** Millimetres to the right, anterior and superior of (column, row, slice): three rows of four. */
  readonly affineRas: readonly number[]
}

/**
 * The slices of a volume as the files of one magnetic resonance series, each where the volume has it: DICOM counts to the left and
 * posterior. In the order of the slices; a receiver may get them in any.
 */
export function magneticSeries({ sizes: [columns, rows, slices], values, affineRas }: Voxels, said: TestElements = {}) {
  const lps = affineRas.map((part, place) => (place < 8 ? -part : part))
  const axis = (number: number): number[] => [0, 4, 8].map((row) => lps[row + number] ?? 0)
  const [along, down, through, origin] = [axis(0), axis(1), axis(2), axis(3)]
  const [width, height] = [Math.hypot(...along), Math.hypot(...down)]
  const directions = [...along.map((part) => part / width), ...down.map((part) => part / height)]
  return Array.from({ length: slices }, (_, slice) =>
    writeDicom({
      elements: {
        ...greyImage(rows, columns, 8),
        Modality: 'MR',
        SOPInstanceUID: `2.25.4.${slice + 1}`,
        StudyInstanceUID: '2.25.5',
        SeriesInstanceUID: '2.25.6',
        InstanceNumber: `${slice + 1}`,
        PixelSpacing: decimals([height, width]),
        ImageOrientationPatient: decimals(directions),
        ImagePositionPatient: decimals(origin.map((part, place) => part + slice * (through[place] ?? 0))),
        ...said,
        PixelData: values.subarray(slice * rows * columns, (slice + 1) * rows * columns),
      },
    }),
  )
}

/** Decimal strings (PS3.5, DS): sixteen characters at most each. */
function decimals(numbers: readonly number[]): string {
  return numbers.map((number) => `${Number(number.toFixed(6)) + 0}`).join('\\')
}
