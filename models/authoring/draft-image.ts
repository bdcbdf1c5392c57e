import type { OnnxValue } from '../onnx/surface.ts'
import { type Json, shortText } from './draft-json.ts'
import { decide } from './mark.ts'

/** Smaller than any image that a model takes, so that a feature of so few numbers is not held for one. */
const MIN_SIDE = 8
const MAX_SIDE = 4096
const MAX_VOLUME_SIDE = 1024

const layouts = { image: ['NCHW', 'NHWC'], volume: ['NCDHW', 'NDHWC'] } as const
type Form = keyof typeof layouts

/** An input of a graph that has the shape of an image or a volume, one at a time. */
export interface ImageInput {
  readonly form: Form
  readonly tensor: string
  readonly layout: (typeof layouts)[Form][number]
  readonly channels: 1 | 3
  /** Frames where it is a volume, rows, columns; a size that the graph leaves free is its name. */
  readonly sizes: readonly (number | string | null)[]
  /** Does the graph take several at once? */
  readonly hasFreeBatch: boolean
}

/** @returns the image that a graph takes; undefined where it takes none, or more than one: a contract has one image */
export function imageInputOf(inputs: readonly OnnxValue[]): ImageInput | undefined {
  const [image, ...others] = inputs.flatMap((value) => asImage(value) ?? [])
  return others.length > 0 ? undefined : image
}

function asImage({ name, dtype, dims = [] }: OnnxValue): ImageInput | undefined {
  const form = dims.length === 4 ? 'image' : dims.length === 5 ? 'volume' : undefined
  const [batch, ...rest] = dims
  if (form === undefined || dtype !== 'float32' || (typeof batch === 'number' && batch !== 1)) return undefined
  const hasFreeBatch = typeof batch !== 'number'
  for (const [layout, channels, sizes] of [
    [layouts[form][0], rest[0], rest.slice(1)],
    [layouts[form][1], rest.at(-1), rest.slice(0, -1)],
  ] as const) {
    const isChannel = channels === 1 || (channels === 3 && form === 'image')
    if (isChannel && sizes.every((size) => isSide(size, form)))
      return { form, tensor: name, layout, channels, sizes, hasFreeBatch }
  }
  return undefined
}

function isSide(size: number | string | null, form: Form): boolean {
  return typeof size !== 'number' || (size >= MIN_SIDE && size <= (form === 'image' ? MAX_SIDE : MAX_VOLUME_SIDE))
}

/** What the contract says of the image itself. A file that does not say what it is of is refused, where such files do say it. */
export function draftImage({ form, tensor, channels }: ImageInput, name: string): Json {
  const guard = (attribute: string, asked: string, onUnknown: string) => {
    return { attribute, oneOf: [decide(asked)], onOther: 'refuse', onUnknown }
  }
  const photometric = channels === 1 ? 'MONOCHROME1 and MONOCHROME2' : 'RGB, or MONOCHROME1 and MONOCHROME2'
  const isVolume = form === 'volume'
  return {
    name,
    display: decide(`what it is a picture of. The graph calls it ${shortText(tensor)}`),
    form,
    formats: isVolume ? ['dicom', 'nifti'] : ['dicom'],
    guards: [
      // NIfTI says neither.
      guard('modality', 'codes of the modalities it was made with, such as CR or MR', isVolume ? 'flag' : 'refuse'),
      guard('body-part', 'codes of the body parts it was made with, such as CHEST', 'flag'),
      ...(isVolume ? [] : [guard('photometric', `${photometric}: those it was made with`, 'refuse')]),
    ],
    observations: [],
    gates: [],
  }
}

/** From the stored values to the tensor, by the steps that most models of this form were trained with. */
export function draftImageSteps(input: ImageInput): Json[] {
  const { tensor, layout } = input
  const steps = input.form === 'image' ? flatSteps(input) : volumeSteps(input)
  const named = steps.map(({ op, ...fields }, index) => {
    const from = index === 0 ? {} : { from: stepName(index - 1) }
    return { op, version: 1, ...from, to: stepName(index), ...fields }
  })
  const last = stepName(steps.length - 1)
  return [...named, { op: 'image-tensor', version: 1, from: last, tensor, layout, dtype: 'float32' }]
}

function stepName(index: number): string {
  return `image-${index + 1}`
}

interface Step {
  readonly op: string
  readonly [field: string]: Json
}

function flatSteps({ channels, sizes: [rows = null, columns = null] }: ImageInput): Step[] {
  return [
    { op: 'image-values', frames: 'only' },
    { op: 'image-rescale' },
    { op: 'image-voi', none: 'min-max' },
    { op: 'image-as-monochrome2' },
    { op: channels === 1 ? 'image-grey' : 'image-rgb' },
    {
      op: 'image-resize',
      rows: side(rows, 'rows'),
      columns: side(columns, 'columns'),
      filter: decide(
        'as in training: nearest, box, bilinear, bicubic or lanczos. The image is stretched; for its proportions put image-pad-square in front',
      ),
      eightBit: false,
    },
    {
      op: 'image-normalise',
      mean: decide(
        'list, per channel, of the means in training, of values from 0 to 1; [0] and sd [1] where it took such values',
      ),
      sd: decide('list, per channel, of the standard deviations in training'),
    },
  ]
}

function volumeSteps({ sizes: [frames = null, rows = null, columns = null] }: ImageInput): Step[] {
  return [
    { op: 'image-values', frames: 'all' },
    { op: 'image-rescale' },
    { op: 'image-grey' },
    {
      op: 'image-orient-volume',
      axes: decide('where columns, rows and frames went in training, such as RAS'),
      onUnknown: 'refuse',
    },
    {
      op: 'image-resample',
      spacingMm: decide('list of the size of a voxel in training, in millimetres along columns, rows and frames'),
      filter: 'linear',
    },
    {
      op: 'image-fit',
      frames: side(frames, 'frames'),
      rows: side(rows, 'rows'),
      columns: side(columns, 'columns'),
      value: decide('what stands around the volume where it is too small, such as 0'),
    },
    { op: 'image-min-max', low: 0, high: 1 },
  ]
}

function side(size: number | string | null, what: string): Json {
  return typeof size === 'number' ? size : decide(`the ${what} that it takes; the graph leaves them free`)
}
