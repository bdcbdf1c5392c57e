/** Stored values as a file has them. */
export type PixelArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array

/** Three coordinates, in millimetres, or the components of a direction. */
export type Triple = readonly [number, number, number]

/** What is known of an image besides its pixels. */
export interface ImageFacts {
  readonly format: 'dicom' | 'nifti'
  readonly frames: number
  readonly rows: number
  readonly columns: number
  readonly samplesPerPixel: 1 | 3
  readonly bitsAllocated: 8 | 16 | 32 | 64
  readonly bitsStored: number
  readonly isSigned: boolean
  readonly isFloat: boolean
  /** As the pixels are now: palettes and colour differences have become RGB. */
  readonly photometric: 'MONOCHROME1' | 'MONOCHROME2' | 'RGB'
  /** One for each frame, in the order of the pixels. */
  readonly frameFacts: readonly FrameFacts[]
  /** Between rows, then between columns, in millimetres. */
  readonly pixelSpacingMm: readonly [number, number] | undefined
  /** `patient`: in the patient. `detector`: at the detector of a projection, so a little larger than in the patient. */
  readonly spacingIn: 'patient' | 'detector' | undefined
  readonly voiFunction: 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID'
  readonly volume: Volume | undefined
  readonly attributes: ImageAttributes
}

export interface FrameFacts {
  /** Output units = stored value × slope + intercept (PS3.3 C.7.6.16.2.9). */
  readonly rescaleSlope: number
  readonly rescaleIntercept: number
  readonly windows: readonly Window[]
  /** Centre of the first pixel, patient coordinates (left, posterior, superior), millimetres. */
  readonly position: Triple | undefined
  /** Direction along a row, then along a column. */
  readonly orientation: readonly number[] | undefined
  /** Which file of the request, and which frame of it, both from 0: the order in which they came. */
  readonly file: number
  readonly frame: number
}

export interface Window {
  readonly center: number
  readonly width: number
}

/** A look-up table (PS3.3 C.11.1 and C.11.2): values below `first` take the first entry, above the last the last. */
export interface Lut {
  readonly first: number
  readonly bitsPerEntry: number
  readonly values: Uint16Array
}

/** Frames that are equally spaced slices of one block. DICOM: along the normal of the slices, ascending. NIfTI: in the file's order. */
export interface Volume {
  /**
   * Millimetres to the right, anterior and superior of (column, row, frame): three rows of four, row by row. NIfTI's
   * convention, for both formats.
   */
  readonly affineRas: readonly number[]
  /** Along columns, rows and frames. */
  readonly spacingMm: Triple
  /** False: the file gives sizes and no directions (NIfTI method 1). */
  readonly hasOrientation: boolean
}

/** What guards ask. Codes are capitals, digits, spaces and underscores, 16 at most; what is not such a code reads as absent. */
export interface ImageAttributes {
  readonly modality: string | undefined
  readonly bodyPart: string | undefined
  readonly viewPosition: string | undefined
  /** Of the image, else of the series. */
  readonly laterality: 'L' | 'R' | 'B' | 'U' | undefined
  /** Where the columns go, then where the rows go: letters of A, P, L, R, H, F. */
  readonly patientOrientation: readonly string[]
  readonly patientPosition: string | undefined
  readonly patientAgeYears: number | undefined
  readonly patientSex: 'M' | 'F' | 'O' | undefined
  readonly conversionType: string | undefined
  readonly presentationIntent: string | undefined
  readonly imageType: readonly string[]
  readonly burnedInAnnotation: boolean | undefined
  readonly lossyCompressed: boolean | undefined
  readonly presentationLutShape: string | undefined
  /** As the file says it; undefined for NIfTI. */
  readonly sourcePhotometric: string | undefined
  readonly sopClassUid: string | undefined
  /** Undefined for NIfTI, and for files that do not say. */
  readonly transferSyntaxUid: string | undefined
}

/** An image with its pixels, as the preprocessing steps of a contract take it. */
export interface StoredImage extends ImageFacts {
  /** `frames × rows × columns × samplesPerPixel`, samples of a pixel together. Stored values: not scaled, not windowed. */
  readonly pixels: PixelArray
  readonly modalityLut: Lut | undefined
  readonly voiLut: Lut | undefined
}
