import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import sharp from 'sharp'
import { decodeFiles } from '../../../runtime/images/decode-files.ts'
import { defaultImageLimits } from '../../../runtime/images/limits.ts'
import { WasmCodecs } from '../../../runtime/images/pixels/codecs.ts'
import type { StoredImage } from '../../contract/image/image-facts.ts'
import { drawn } from '../../contract/image/testkit/images.ts'

/** One picture of the outside data, and what is known of it. */
export interface Picture {
  /** Path below the data folder, with the frame where there are several. */
  readonly name: string
  /** `chest`: learnt from. `chest-child`, `chest-outside`: measured on alone. Everything else is no chest radiograph, by kind. */
  readonly kind: string
  /** Pictures of one subject have one name: they are never divided. */
  readonly subject: string
  readonly image: StoredImage
}

/** All pictures of a data folder, those of one source in the order of their names. */
export async function* readPictures(data: string): AsyncGenerator<Picture> {
  yield* radiographs(join(data, 'chest/nih'))
  yield* await renderedRadiographs(data)
  yield* dicomPictures(join(data, 'dicom'))
  yield* brainPictures(join(data, 'models/brain-meshnet'))
}

async function* radiographs(folder: string): AsyncGenerator<Picture> {
  for (const name of pngNames(folder)) {
    const [patient = name] = name.split('_')
    yield { name: `nih/${name}`, kind: 'chest', subject: `nih-${patient}`, image: await greyPng(join(folder, name)) }
  }
}

/** Figures of a notebook: the radiograph lies in a white margin. */
export function renderedRadiographs(data: string): Promise<Picture[]> {
  const folder = join(data, 'models/pneumonia-squeezenet')
  return Promise.all(
    pngNames(folder).map(async (name) => {
      const image = withoutMargin(await greyPng(join(folder, name)))
      return { name: `pneumonia/${name}`, kind: 'chest-child', subject: `pneumonia-${name}`, image }
    }),
  )
}

const pngNames = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.png'))
    .sort()

async function greyPng(path: string): Promise<StoredImage> {
  const { data, info } = await sharp(path).greyscale().toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
  const pixels = Uint8Array.from({ length: info.width * info.height }, (_, at) => data[at * info.channels]!)
  return drawn({ columns: info.width, pixels })
}

const WHITE = 250

/** Rows and columns that are white throughout are no part of the picture. */
function withoutMargin({ rows, columns, pixels }: StoredImage): StoredImage {
  const row = (at: number) => Array.from(pixels.subarray(at * columns, (at + 1) * columns))
  const column = (at: number) => Array.from({ length: rows }, (_, down) => pixels[down * columns + at]!)
  const isDrawn = (values: readonly number[]) => values.some((value) => value < WHITE)
  const keptRows = Array.from({ length: rows }, (_, at) => at).filter((at) => isDrawn(row(at)))
  const keptColumns = Array.from({ length: columns }, (_, at) => at).filter((at) => isDrawn(column(at)))
  const kept = keptRows.flatMap((down) => keptColumns.map((across) => pixels[down * columns + across]!))
  return drawn({ columns: keptColumns.length, pixels: kept })
}

/** What the attributes do not say. The two radiographs of a chest are kept out of training. */
const kindByName: Readonly<Record<string, string>> = {
  'CR-MONO1-10-chest': 'chest-outside',
  'JLSL_08_07_0_1F.dcm': 'ct',
  'JLSL_16_15_1_1F.dcm': 'ct',
  'RG1_J2KI.dcm': 'chest-outside',
  'RG3_J2KI.dcm': 'limb',
  'RG3_J2KR.dcm': 'limb',
}
const kindByModality: Readonly<Record<string, string>> = { CT: 'ct', MR: 'mr', US: 'us', NM: 'nm', SEG: 'seg' }
const MAX_FRAMES_OF_A_FILE = 3
const MIN_SIDE = 24

async function* dicomPictures(folder: string): AsyncGenerator<Picture> {
  for (const path of filesBelow(folder)) {
    const image = await decode(join(folder, path))
    if (image === undefined || Math.min(image.rows, image.columns) < MIN_SIDE) continue
    const file = basename(path)
    const kind = kindByName[file] ?? kindByModality[image.attributes.modality ?? ''] ?? 'other'
    const step = Math.ceil(image.frames / MAX_FRAMES_OF_A_FILE)
    for (let frame = 0; frame < image.frames; frame += step) {
      const name = `dicom/${path}${image.frames > 1 ? `#${frame}` : ''}`
      yield { name, kind, subject: `dicom-${file}`, image: frameOf(image, frame) }
    }
  }
}

const codecs = new WasmCodecs()

/** Undefined for what is refused: several of the files are broken on purpose. */
export function decode(path: string): Promise<StoredImage | undefined> {
  return decodeFiles([readFileSync(path)], defaultImageLimits, codecs, 'values').catch(() => undefined)
}

function filesBelow(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true })
    .flatMap((entry) => {
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      return entry.isDirectory() ? filesBelow(folder, path) : [path]
    })
    .sort()
}

function frameOf(image: StoredImage, frame: number): StoredImage {
  const size = image.rows * image.columns * image.samplesPerPixel
  const frameFacts = image.frameFacts.slice(frame, frame + 1)
  return { ...image, frames: 1, frameFacts, pixels: image.pixels.slice(frame * size, (frame + 1) * size) }
}

const SLICES_OF_AN_AXIS = 16

/** Slices of the given brain volume across all three axes, and its mean along each: a head as rays would show it. */
async function* brainPictures(folder: string): AsyncGenerator<Picture> {
  const volume = await decode(join(folder, 't1_crop.nii.gz'))
  if (volume === undefined) return
  const about = { kind: 'mr-brain', subject: 'brain-volume' }
  for (const axis of [0, 1, 2] as const) {
    const slices = slicesAcross(volume, axis)
    for (let step = 0; step < SLICES_OF_AN_AXIS; step += 1) {
      const at = Math.round(slices.length * (0.2 + (0.6 * step) / (SLICES_OF_AN_AXIS - 1)))
      const image = slices[at]
      if (image !== undefined) yield { name: `brain/${axis}-${at}`, ...about, image }
    }
    yield { name: `brain/${axis}-mean`, ...about, image: meanOf(slices) }
  }
}

function slicesAcross({ frames, rows, columns, pixels }: StoredImage, axis: 0 | 1 | 2): StoredImage[] {
  const sizes = [columns, rows, frames] as const
  const strides = [1, columns, columns * rows] as const
  const [across, down] = ([0, 1, 2] as const).filter((other) => other !== axis) as [0 | 1 | 2, 0 | 1 | 2]
  return Array.from({ length: sizes[axis] }, (_, at) => {
    const values = Float32Array.from({ length: sizes[across] * sizes[down] }, (_value, index) => {
      const offset = (index % sizes[across]) * strides[across] + Math.floor(index / sizes[across]) * strides[down]
      return pixels[at * strides[axis] + offset]!
    })
    return drawn({ columns: sizes[across], pixels: values })
  })
}

function meanOf(slices: readonly StoredImage[]): StoredImage {
  const [first] = slices
  const mean = Float32Array.from({ length: first?.pixels.length ?? 0 }, (_, at) =>
    slices.reduce((sum, { pixels }) => sum + pixels[at]! / slices.length, 0),
  )
  return drawn({ columns: first?.columns ?? 0, pixels: mean })
}
