import type { FrameFacts, ImageAttributes, PixelArray, StoredImage } from '../image-facts.ts'
import { type ImageOp, imageOp } from '../image-schema.ts'
import { prepareImage } from '../prepare-image.ts'

/** Small images for tests: drawn here, nobody's. */

const attributes: ImageAttributes = {
  modality: undefined,
  bodyPart: undefined,
  viewPosition: undefined,
  laterality: undefined,
  patientOrientation: [],
  patientPosition: undefined,
  patientAgeYears: undefined,
  patientSex: undefined,
  conversionType: undefined,
  presentationIntent: undefined,
  imageType: [],
  burnedInAnnotation: undefined,
  lossyCompressed: undefined,
  presentationLutShape: undefined,
  sourcePhotometric: undefined,
  sopClassUid: undefined,
  transferSyntaxUid: undefined,
}

type Drawing = Partial<Omit<StoredImage, 'attributes' | 'frameFacts' | 'pixels'>> & {
  readonly columns: number
  readonly pixels: PixelArray | readonly number[]
  readonly attributes?: Partial<ImageAttributes>
  /** Of every frame, or one for each. */
  readonly facts?: Partial<FrameFacts> | readonly Partial<FrameFacts>[]
}

/** An image of bytes in one frame, unless it says otherwise; its rows follow from the number of pixels. */
export function drawn({ columns, facts = {}, ...drawing }: Drawing): StoredImage {
  const pixels = Array.isArray(drawing.pixels)
    ? Uint8Array.from(drawing.pixels as readonly number[])
    : (drawing.pixels as PixelArray)
  const bits = (pixels.BYTES_PER_ELEMENT * 8) as StoredImage['bitsAllocated']
  const [frames, samples] = [drawing.frames ?? 1, drawing.samplesPerPixel ?? 1]
  return {
    format: 'dicom',
    frames,
    rows: pixels.length / (frames * columns * samples),
    columns,
    samplesPerPixel: samples,
    bitsAllocated: bits,
    bitsStored: bits,
    isSigned: false,
    isFloat: pixels instanceof Float32Array || pixels instanceof Float64Array,
    photometric: samples === 3 ? 'RGB' : 'MONOCHROME2',
    pixelSpacingMm: undefined,
    spacingIn: undefined,
    voiFunction: 'LINEAR',
    volume: undefined,
    modalityLut: undefined,
    voiLut: undefined,
    ...drawing,
    pixels,
    attributes: { ...attributes, ...drawing.attributes },
    frameFacts: Array.from({ length: frames }, (_, frame) => ({
      rescaleSlope: 1,
      rescaleIntercept: 0,
      windows: [],
      position: undefined,
      orientation: undefined,
      file: 0,
      frame,
      ...(Array.isArray(facts) ? facts[frame] : facts),
    })),
  }
}

export type StepDraft = Readonly<Record<string, unknown>> & { readonly op: ImageOp['op'] }

/** Steps that each read what the one before made, from the stored values of all frames to a tensor of frames. */
export function chain(...drafts: readonly StepDraft[]): readonly ImageOp[] {
  const values = { op: 'image-values', frames: 'all' }
  const tensor = { op: 'image-tensor', tensor: 'made', layout: 'NDHWC', dtype: 'float32' }
  const whole = [
    ...(drafts[0]?.op === 'image-values' ? [] : [values]),
    ...drafts,
    ...(drafts.at(-1)?.op === 'image-tensor' ? [] : [tensor]),
  ]
  return whole.map((draft, index) =>
    imageOp.parse({
      version: 1,
      ...(index === 0 ? {} : { from: `r${index - 1}` }),
      ...(index === whole.length - 1 ? {} : { to: `r${index}` }),
      ...draft,
    }),
  )
}

/** What the steps make: dimensions of frames, rows, columns and channels, and the numbers; or how they are refused. */
export function made(image: StoredImage, ...drafts: readonly StepDraft[]) {
  const prepared = prepareImage(image, chain(...drafts))
  if ('refused' in prepared) return { refused: prepared.refused, about: prepared.about }
  const { dims, data } = prepared.tensors.made!
  return { dims: dims.slice(1), values: Array.from(data as Float32Array) }
}

/** The numbers alone. */
export function valuesOf(image: StoredImage, ...drafts: readonly StepDraft[]): readonly number[] {
  const result = made(image, ...drafts)
  if (result.values === undefined) throw new RangeError(`refused: ${result.refused}`)
  return result.values
}
