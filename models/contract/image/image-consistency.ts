import { areDistinct, ensure, fault } from '../contract-fault.ts'
import type { Contract, InputSpec } from '../schema.ts'
import { elementArrays } from '../tensor.ts'
import { type FedTensor, MAX_TENSOR_BYTES } from '../tensor-schema.ts'
import { convertUnit } from '../units.ts'
import type { ImageGuard, ImageOp, ImageSpec } from './image-schema.ts'
import { isImageStep } from './image-steps.ts'
import { hasFrames, type TensorStep, tensorDims } from './image-tensor.ts'
import type { RasterShape } from './raster.ts'
import { rasterStepShape } from './raster-ops.ts'
import { storedShape } from './stored-values.ts'

/** Values of one raster whose size the contract sets: 256 MiB. What depends on the image is bounded when it comes. */
const MAX_SET_VALUES = 64 * 1024 * 1024

/** What only a volume can answer. */
const volumeOps: readonly ImageOp['op'][] = ['image-orient-volume', 'image-resample']

/** The only words that these attributes can have. */
const attributeWords: Readonly<Record<string, readonly string[]>> = {
  laterality: ['L', 'R', 'B', 'U'],
  'burned-in-annotation': ['YES', 'NO'],
  'lossy-compressed': ['YES', 'NO'],
}
const sexes = ['M', 'F', 'O']

/**
 * Checks what a contract says of its image, and follows the shapes through the image steps without any image.
 * @returns the tensors that they feed, by the name of the model's input; none where there is no image
 * @throws ContractError contract_inconsistent, `about` `preprocessing.N.field` (N counts all steps) or a path in `image`
 */
export function verifyImageSteps(contract: Contract): ReadonlyMap<string, FedTensor> {
  const { image, preprocessing, inputs } = contract
  const hasSteps = preprocessing.some(isImageStep)
  ensure(hasSteps === (image !== undefined), 'image')
  if (image === undefined) return new Map()
  verifyImage(image, inputs)
  const rasters = new Map<string, RasterShape>()
  const tensors = new Map<string, FedTensor>()
  preprocessing.forEach((step, index) => {
    if (!isImageStep(step)) return
    const path = `preprocessing.${index}`
    verifyForm(step, image, path)
    if (step.op === 'image-tensor') {
      ensure(!tensors.has(step.tensor), `${path}.tensor`)
      tensors.set(step.tensor, fedTensor(step, rasters.get(step.from) ?? fault(`${path}.from`), path))
      return
    }
    ensure(!rasters.has(step.to), `${path}.to`)
    const shape = shapeAfter(step, rasters, path)
    ensure(setValues(shape) <= MAX_SET_VALUES, `${path}.cells`)
    rasters.set(step.to, shape)
  })
  ensure(tensors.size > 0, 'preprocessing')
  return tensors
}

/** An image is one frame; a volume may be read slice by slice, too. */
function verifyForm(step: ImageOp, { form }: ImageSpec, path: string): void {
  if (form === 'volume') return
  ensure(step.op !== 'image-values' || step.frames !== 'all', `${path}.frames`)
  ensure(!volumeOps.includes(step.op), `${path}.op`)
}

function shapeAfter(
  step: Exclude<ImageOp, TensorStep>,
  rasters: ReadonlyMap<string, RasterShape>,
  path: string,
): RasterShape {
  if (step.op === 'image-values') return storedShape(step)
  const shape = rasterStepShape(step, rasters.get(step.from) ?? fault(`${path}.from`))
  return 'fault' in shape ? fault(`${path}.${shape.fault}`) : shape
}

/** What is not known yet counts as one; of channels, as three. */
function setValues({ frames = 1, rows = 1, columns = 1, channels = 3 }: RasterShape): number {
  return frames * rows * columns * channels
}

/** The steps before have to leave nothing open: the model's own dimensions are held against these. */
function fedTensor({ layout, dtype }: TensorStep, shape: RasterShape, path: string): FedTensor {
  const { frames, rows, columns, channels } = shape
  ensure(frames !== undefined && rows !== undefined && columns !== undefined && channels !== undefined, `${path}.dims`)
  ensure(hasFrames(layout) || frames === 1, `${path}.layout`)
  // From 0 to 1 there are two whole numbers.
  ensure(dtype === 'float32' || shape.stage !== 'unit', `${path}.dtype`)
  const dims = tensorDims(layout, { frames, rows, columns, channels }).filter((size) => size !== undefined)
  const bytes = dims.reduce((product, size) => product * size, elementArrays[dtype].BYTES_PER_ELEMENT)
  ensure(bytes <= MAX_TENSOR_BYTES, `${path}.dims`)
  return { dtype, dims }
}

function verifyImage(image: ImageSpec, inputs: readonly InputSpec[]): void {
  const { formats, guards, observations, gates, name } = image
  ensure(!inputs.some((input) => input.name === name), 'image.name')
  ensure(areDistinct(formats), 'image.formats')
  guards.forEach((guard, index) => {
    verifyGuard(guard, `image.guards.${index}`)
  })
  ensure(areDistinct(guards.map((guard) => ('attribute' in guard ? guard.attribute : guard.size))), 'image.guards')
  observations.forEach(({ input, attribute }, index) => {
    const found = inputs.find((candidate) => candidate.name === input)
    ensure(found !== undefined && isAnswerable(found, attribute), `image.observations.${index}.input`)
  })
  ensure(areDistinct(observations.map(({ input }) => input)), 'image.observations')
  ensure(areDistinct(observations.map(({ attribute }) => attribute)), 'image.observations')
  gates.forEach(({ low, high }, index) => {
    ensure(low <= high, `image.gates.${index}.low`)
  })
  ensure(areDistinct(gates.map(({ model, output }) => `${model}/${output}`)), 'image.gates')
}

function verifyGuard(guard: ImageGuard, path: string): void {
  if ('size' in guard) {
    ensure(guard.low <= guard.high, `${path}.low`)
    return
  }
  ensure(areDistinct(guard.oneOf), `${path}.oneOf`)
  const words = attributeWords[guard.attribute]
  ensure(words === undefined || guard.oneOf.every((word) => words.includes(word)), `${path}.oneOf`)
}

/** An age is a quantity that years can be converted to; a sex is a code with a letter of DICOM among its values. */
function isAnswerable(input: InputSpec, attribute: ImageSpec['observations'][number]['attribute']): boolean {
  if (attribute === 'patient-sex') return input.kind === 'code' && input.values.some(({ code }) => sexes.includes(code))
  return input.kind === 'quantity' && isTime(input.unit)
}

function isTime(unit: string): boolean {
  try {
    convertUnit(1, 'a', unit)
    return true
  } catch {
    return false
  }
}
