import { ContractError } from '../../models/contract/errors.ts'
import { imageLayout } from '../../models/contract/explanation-consistency.ts'
import { outputRows } from '../../models/contract/postprocess.ts'
import type { Contract, ExplanationSpec } from '../../models/contract/schema.ts'
import type { Tensor, Tensors } from '../../models/contract/tensor.ts'
import { coveredImages, evenGrid, type Grid, type Picture, placesOf, shiftedGrid } from './covered-image.ts'
import { deletionScore } from './deletion-score.ts'
import { drawer } from './seeded-draw.ts'
import type { Explanation, ExplanationMap } from './types.ts'

export type MapSpec = Extract<ExplanationSpec, { method: 'class-activation-map' | 'occlusion' }>

type RunModel = (inputs: Tensors) => Promise<Tensors>

/** Images of one run together, unless one alone is larger. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024
/** Each place is a number of the answer and of its record. */
const MAX_PLACES = 1024
const SHIFT_PURPOSE = 'wardstone/v1/occlusion-grid'
const ORDER_PURPOSE = 'wardstone/v1/deletion-order'

export function isMapSpec(spec: ExplanationSpec): spec is MapSpec {
  return spec.method === 'class-activation-map' || spec.method === 'occlusion'
}

/**
 * Says what each place of the image contributed, and whether covering places bears that out.
 * @param total the decision's own output, which `residual` is held against
 * @param run runs the model once more, on some images together where the contract says that it takes them
 * @throws ContractError contract_output_invalid; InferenceError when a run fails
 */
export async function explainByMap(
  total: number,
  tensors: Tensors,
  contract: Contract,
  spec: MapSpec,
  run: RunModel,
): Promise<Explanation> {
  const image = new CoveredImage(tensors, contract, spec, run)
  const map = await computeMap(image, spec)
  const { seed, fill } = spec
  const deleted = await deletionScore(map.values, drawer(ORDER_PURPOSE, seed), (covers) => image.outputs(map, covers))
  const { own, covered, score, random, steps } = deleted
  return {
    method: spec.method,
    of: spec.output,
    contributions: [],
    baseline: covered,
    residual: total - own,
    reason: null,
    map,
    deletion: { score, random, steps, fill, seed },
  }
}

/**
 * The map alone, without asking whether it tells the truth.
 * @throws ContractError contract_output_invalid; InferenceError when a run fails
 */
export function mapOf(tensors: Tensors, contract: Contract, spec: MapSpec, run: RunModel): Promise<ExplanationMap> {
  return computeMap(new CoveredImage(tensors, contract, spec, run), spec)
}

function computeMap(image: CoveredImage, spec: MapSpec): Promise<ExplanationMap> {
  return spec.method === 'occlusion' ? occlude(image, spec) : image.activationMap(spec.map)
}

/**
 * How much the output falls when a place is covered (Zeiler and Fergus, "Visualizing and understanding convolutional
 * networks", 2014).
 */
async function occlude(
  image: CoveredImage,
  { rows, columns, seed }: Extract<MapSpec, { method: 'occlusion' }>,
): Promise<ExplanationMap> {
  const grid = shiftedGrid(image.picture, rows, columns, drawer(SHIFT_PURPOSE, seed))
  const places = Array.from({ length: placesOf(grid) }, (_, place) => [place])
  const [own = Number.NaN, ...covered] = await image.outputs(grid, [[], ...places])
  // Covering what is fill already changes nothing: 0, and never −0.
  return { rows, columns, values: covered.map((output) => own - output + 0), ...grid }
}

/** The image of one decision, and the model that is asked about it with places covered. */
class CoveredImage {
  readonly picture: Picture
  readonly #tensors: Tensors
  readonly #contract: Contract
  readonly #spec: MapSpec
  readonly #run: RunModel

  constructor(tensors: Tensors, contract: Contract, spec: MapSpec, run: RunModel) {
    this.picture = pictureOf(tensors[spec.tensor], imageLayout(contract, spec.tensor))
    this.#tensors = tensors
    this.#contract = contract
    this.#spec = spec
    this.#run = run
  }

  /** The output for each set of covered places. How images are put together into runs follows from the contract alone, so that replay does the same. */
  async outputs(grid: Grid, covers: readonly (readonly number[])[]): Promise<number[]> {
    const { tensor, output, fill, batch = 1 } = this.#spec
    const { picture } = this
    const most = Math.max(1, Math.min(batch, Math.floor(MAX_BATCH_BYTES / picture.data.byteLength)))
    const outputs: number[] = []
    for (let from = 0; from < covers.length; from += most) {
      const some = covers.slice(from, from + most)
      const [, ...dims] = this.#tensors[tensor]?.dims ?? []
      const data = coveredImages(picture, grid, some, fill)
      const raw = await this.#run({
        ...this.#tensors,
        [tensor]: { dtype: 'float32', dims: [some.length, ...dims], data },
      })
      outputs.push(...outputRows(raw, this.#contract, output, some.length))
    }
    return outputs
  }

  /** The map that the worker made of the model's own feature maps. */
  async activationMap(name: string): Promise<ExplanationMap> {
    const raw = await this.#run(this.#tensors)
    const made = Object.hasOwn(raw, name) ? raw[name] : undefined
    const [, rows = 0, columns = 0] = made?.dims.length === 3 ? made.dims : []
    const isMap = rows * columns >= 2 && rows * columns <= MAX_PLACES
    const isWithin = rows <= this.picture.height && columns <= this.picture.width
    const values = made?.data instanceof Float32Array ? Array.from(made.data, (value) => value + 0) : []
    if (!isMap || !isWithin || values.length !== rows * columns || !values.every(Number.isFinite))
      throw new ContractError('contract_output_invalid', { about: 'explanation.map' })
    return { rows, columns, values, ...evenGrid(this.picture, rows, columns) }
  }
}

/** The contract was checked to make such a tensor; what is not one is a fault of ours or of the steps before. */
function pictureOf(tensor: Tensor | undefined, layout: Picture['layout'] | undefined): Picture {
  const [one, ...sizes] = tensor?.dims ?? []
  if (layout === undefined || one !== 1 || sizes.length !== 3 || !(tensor?.data instanceof Float32Array))
    throw new ContractError('contract_inconsistent', { about: 'explanation.tensor' })
  const [first = 0, second = 0, third = 0] = sizes
  const { data } = tensor
  if (layout === 'NCHW') return { data, layout, channels: first, height: second, width: third }
  return { data, layout, channels: third, height: first, width: second }
}
