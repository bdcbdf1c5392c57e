import { z } from 'zod'
import { finite, name, text } from '../fields.ts'

/** Rows or columns that an image may be brought to: far beyond what any model takes. */
const extent = z.int().min(1).max(4096)
/** Frames, rows and columns that a volume may be brought to. */
const volumeExtent = z.int().min(1).max(1024)
const share = z.number().min(0).max(1)
const spacing = z.number().positive().max(1000)
const tensorName = z.string().min(1).max(64)
const code = z.string().regex(/^[A-Z0-9 _\\]{1,33}$/)

/** What a guard may ask of an image. `orientation`: PatientOrientation, both directions with a backslash, as in `L\F`. */
export const imageAttributeNames = [
  'modality',
  'body-part',
  'view-position',
  'laterality',
  'photometric',
  'orientation',
  'patient-position',
  'conversion-type',
  'presentation-intent',
  'burned-in-annotation',
  'lossy-compressed',
] as const

/** An attribute of the image that must be one of these; `burned-in-annotation` and `lossy-compressed` are YES or NO. */
const attributeGuard = z.strictObject({
  attribute: z.enum(imageAttributeNames),
  oneOf: z.array(code).min(1).max(64),
  onOther: z.enum(['refuse', 'flag']),
  /** The file does not say: NIfTI hardly ever does. */
  onUnknown: z.enum(['refuse', 'flag', 'accept']),
})

/** A size of the image that must lie within these, inclusive. Spacing is the widest, in millimetres. */
const sizeGuard = z.strictObject({
  size: z.enum(['rows', 'columns', 'frames', 'spacing-mm']),
  low: finite,
  high: finite,
  onOther: z.enum(['refuse', 'flag']),
  onUnknown: z.enum(['refuse', 'flag', 'accept']),
})

/** What another model must say of the same image before this one is asked. */
const gate = z.strictObject({
  /** Slot of the model that is asked. When nothing runs there, nothing is decided here. */
  model: name,
  /** One of its outputs, of one value. */
  output: name,
  low: finite,
  high: finite,
  reason: text,
})

/** The one image that a model takes, if it takes any. */
export const imageSchema = z.strictObject({
  name,
  display: text,
  /** `image`: one frame. `volume`: equally spaced slices of one block. */
  form: z.enum(['image', 'volume']),
  formats: z
    .array(z.enum(['dicom', 'nifti']))
    .min(1)
    .max(2),
  guards: z.array(z.union([attributeGuard, sizeGuard])).max(32),
  /** Inputs that the file itself answers when the sender does not; where both do, they must agree. */
  observations: z
    .array(z.strictObject({ input: name, attribute: z.enum(['patient-age-years', 'patient-sex']) }))
    .max(2),
  gates: z.array(gate).max(8),
})

const step = { version: z.literal(1), from: name, to: name }

/**
 * Ops on rasters: numbers on a grid of frames, rows, columns and channels, with the range that they may lie in and what
 * the file says of them. All begin with `image-`; they run in the process that decodes the image.
 */
export const imageOps = [
  /** The stored values. `only` refuses an image of several frames; `middle` is frame ⌊n / 2⌋ from 0; a volume takes them all. */
  z.strictObject({
    op: z.literal('image-values'),
    version: z.literal(1),
    frames: z.enum(['only', 'first', 'middle', 'all']),
    to: name,
  }),
  /** Modality LUT, else slope and intercept of each frame (PS3.3 C.11.1), of stored values. Without either, and in colour, nothing changes. */
  z.strictObject({ op: z.literal('image-rescale'), ...step }),
  /**
   * VOI LUT, else the first window of each frame (PS3.3 C.11.2), of rescaled values, to 0 … 1. `none`: what else where a
   * frame has neither, and in colour.
   */
  z.strictObject({ op: z.literal('image-voi'), ...step, none: z.enum(['min-max', 'unit-range', 'refuse']) }),
  /** A window of the contract's own, to 0 … 1 (PS3.3 C.11.2.1.2, LINEAR_EXACT). */
  z.strictObject({ op: z.literal('image-window'), ...step, center: finite, width: finite.positive() }),
  /** MONOCHROME1, or an inverse presentation LUT (both are one inversion), is turned round within the range; others stay. */
  z.strictObject({ op: z.literal('image-as-monochrome2'), ...step }),
  /** From the range that the values may lie in (of 8 bits, 0 … 255) to 0 … 1. Floating-point values have none and are refused. */
  z.strictObject({ op: z.literal('image-unit-range'), ...step }),
  /**
   * From the values' own least and most, or from these shares of them in order (nearest rank), to 0 … 1 and level beyond; a
   * uniform image becomes 0.
   */
  z.strictObject({ op: z.literal('image-min-max'), ...step, low: share, high: share }),
  /** RGB becomes luma (ITU-R BT.601); one channel stays. */
  z.strictObject({ op: z.literal('image-grey'), ...step }),
  /** One channel is repeated; RGB stays. */
  z.strictObject({ op: z.literal('image-rgb'), ...step }),
  /**
   * Cuts rows and columns at the edge whose every value is at least (`bright`), or at most (`dark`), this share of the range: a
   * paper's margin. An image that is all border is refused.
   */
  z.strictObject({
    op: z.literal('image-crop-border'),
    ...step,
    border: z.enum(['bright', 'dark']),
    share,
  }),
  /** Keeps these shares of height and width, rounded, about the middle; an odd one is left over at the far end. */
  z.strictObject({ op: z.literal('image-crop-centre'), ...step, height: share.positive(), width: share.positive() }),
  /** Fills the shorter side on both ends, so that height and width are equal; an odd one goes to the far end. */
  z.strictObject({ op: z.literal('image-pad-square'), ...step, value: finite }),
  /**
   * Convolution along rows, then columns, as Pillow does it. All filters but `nearest` widen with the scale, so that nothing is
   * skipped. `eightBit`: held as 256 levels of the range and rounded after each direction, as 8-bit images are.
   */
  z.strictObject({
    op: z.literal('image-resize'),
    ...step,
    rows: extent,
    columns: extent,
    filter: z.enum(['nearest', 'box', 'bilinear', 'bicubic', 'lanczos']),
    eightBit: z.boolean(),
  }),
  /**
   * Turned and mirrored in its plane until a row goes where `rows` says and a column where `columns` says (PatientOrientation:
   * `L\F` is a radiograph as it is read). Another plane is refused.
   */
  z.strictObject({
    op: z.literal('image-orient'),
    ...step,
    rows: z.enum(['L', 'R', 'A', 'P', 'H', 'F']),
    columns: z.enum(['L', 'R', 'A', 'P', 'H', 'F']),
    onUnknown: z.enum(['keep', 'refuse']),
  }),
  /** (x − mean) / sd per channel: one entry for each. */
  z.strictObject({
    op: z.literal('image-normalise'),
    ...step,
    mean: z.array(finite).min(1).max(4),
    sd: z.array(finite.positive()).min(1).max(4),
  }),
  /** Axes exchanged and mirrored until columns, rows and frames go, as their number rises, where these letters say, as in `RAS`. */
  z.strictObject({
    op: z.literal('image-orient-volume'),
    ...step,
    axes: z.string().regex(/^(?=.*[RL])(?=.*[AP])(?=.*[SI])[RLAPSI]{3}$/),
    onUnknown: z.enum(['keep', 'refuse']),
  }),
  /**
   * To voxels of this size: along columns, rows and frames. The block keeps its middle, and its outer edges as nearly as whole
   * voxels allow; beyond the outermost middles the value there holds.
   */
  z.strictObject({
    op: z.literal('image-resample'),
    ...step,
    spacingMm: z.tuple([spacing, spacing, spacing]),
    filter: z.enum(['nearest', 'linear']),
  }),
  /** Cut or filled about the middle to this many frames, rows and columns. */
  z.strictObject({
    op: z.literal('image-fit'),
    ...step,
    frames: volumeExtent,
    rows: volumeExtent,
    columns: volumeExtent,
    value: finite,
  }),
  /**
   * A tensor for the model's input `tensor`, in this order of axes, with a batch of one in front: N, channels C, frames D, rows H,
   * columns W. `uint8`: rounded; what is none of 0 … 255 is refused.
   */
  z.strictObject({
    op: z.literal('image-tensor'),
    version: z.literal(1),
    from: name,
    tensor: tensorName,
    layout: z.enum(['NCHW', 'NHWC', 'NCDHW', 'NDHWC']),
    dtype: z.enum(['float32', 'uint8']),
  }),
] as const

export const imageOp = z.discriminatedUnion('op', imageOps)

export type ImageSpec = z.infer<typeof imageSchema>
export type ImageGuard = ImageSpec['guards'][number]
export type ImageGate = ImageSpec['gates'][number]
export type ImageOp = z.infer<typeof imageOp>
export type ImageAttributeName = (typeof imageAttributeNames)[number]
