import type { ImageFacts } from '../../models/contract/image/image-facts.ts'
import { imageSteps } from '../../models/contract/image/image-steps.ts'
import type { Contract } from '../../models/contract/schema.ts'
import type { GateRecord, KeptTensor } from './image-record.ts'
import type { DecisionRecord } from './types.ts'

export const tensorLayouts = ['NCHW', 'NHWC', 'NCDHW', 'NDHWC'] as const
export type TensorLayout = (typeof tensorLayouts)[number]

/** The image of a decision, without anything that says whose it is: no identifiers, no age, no sex, no dates. */
export interface ShownImage {
  readonly display: string
  readonly format: ImageFacts['format']
  readonly frames: number
  readonly rows: number
  readonly columns: number
  readonly photometric: ImageFacts['photometric']
  /** Between rows, then between columns. */
  readonly pixelSpacingMm: readonly [number, number] | null
  readonly modality: string | null
  readonly bodyPart: string | null
  readonly viewPosition: string | null
  readonly files: readonly { readonly sha256: string; readonly bytes: number }[]
  /** What the model saw of it; null when a step refused the image. */
  readonly seen: (Omit<SeenTensor, 'kept'> & { readonly kept: boolean }) | null
  /** What the models said that looked at it first. */
  readonly gates: readonly (Pick<GateRecord, 'model' | 'version' | 'output' | 'value' | 'passed' | 'reason'> & {
    readonly refusal: string | null
  })[]
}

/** The tensor of an image that its explanation lies over. */
export interface SeenTensor {
  readonly dtype: 'float32' | 'uint8'
  readonly layout: TensorLayout
  readonly dims: readonly number[]
  readonly kept: KeptTensor
}

/** @param contract of the package that decided, where it is still known */
export function shownImage({ image, gates }: DecisionRecord, contract: Contract | undefined): ShownImage | null {
  if (image === undefined) return null
  const { facts, files } = image
  const { modality, bodyPart, viewPosition } = facts.attributes
  const seen = seenTensor(image, contract)
  return {
    display: contract?.image?.display ?? 'Image',
    format: facts.format,
    frames: facts.frames,
    rows: facts.rows,
    columns: facts.columns,
    photometric: facts.photometric,
    pixelSpacingMm: facts.pixelSpacingMm ?? null,
    modality: modality ?? null,
    bodyPart: bodyPart ?? null,
    viewPosition: viewPosition ?? null,
    files: files.map(({ sha256, bytes }) => ({ sha256, bytes })),
    seen: seen === undefined ? null : { ...seen, kept: seen.kept.deflated !== null },
    gates: (gates ?? []).map(({ model, version, output, value, passed, reason, refusal }) => {
      // Records of releases before a gate could refuse have none.
      return { model, version, output, value, passed, reason, refusal: refusal?.code ?? null }
    }),
  }
}

/** The tensor that the explanation names, else the first that was made of the image; undefined when none was. */
export function seenTensor(image: DecisionRecord['image'], contract: Contract | undefined): SeenTensor | undefined {
  if (image === undefined || 'refused' in image.prepared) return undefined
  const { tensors } = image.prepared
  const made = contract === undefined ? [] : imageSteps(contract).filter((step) => step.op === 'image-tensor')
  const explained = contract?.explanation
  const wanted = explained !== undefined && 'tensor' in explained ? explained.tensor : undefined
  const step = made.find(({ tensor }) => tensor === wanted) ?? made[0]
  // Without its package the record alone says what there was.
  const name = step?.tensor ?? Object.keys(tensors)[0] ?? ''
  const kept = Object.hasOwn(tensors, name) ? tensors[name] : undefined
  if (kept === undefined || (kept.dtype !== 'float32' && kept.dtype !== 'uint8')) return undefined
  // Records of releases before the grids were kept have none.
  const grid = image.grids?.find(({ tensor }) => tensor === name)
  return { dtype: kept.dtype, layout: step?.layout ?? grid?.layout ?? likelyLayout(kept.dims), dims: kept.dims, kept }
}

/** Channels are few, and whatever else there is of an image is many. */
function likelyLayout(dims: readonly number[]): TensorLayout {
  const isFirst = (dims[1] ?? 0) <= 4
  if (dims.length === 5) return isFirst ? 'NCDHW' : 'NDHWC'
  return isFirst ? 'NCHW' : 'NHWC'
}
