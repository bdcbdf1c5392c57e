import { ContractError, Refusal } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import type { StoredImage } from './image-facts.ts'
import type { ImageOp } from './image-schema.ts'
import { tensorOf } from './image-tensor.ts'
import type { Prepared } from './prepared-image.ts'
import type { Raster } from './raster.ts'
import { runRasterStep } from './raster-ops.ts'
import { Room } from './room.ts'
import { storedRaster } from './stored-values.ts'

/**
 * Runs the image steps of a contract, in their order, on one image. What no later step reads is let go at once, and what
 * nobody else reads is written over; the image's own pixels are not touched.
 * @param steps as `verifyImageSteps` has found them to fit
 * @returns the tensors by the model's input; or the code of what a step met, about its op
 * @throws ContractError contract_inconsistent: a step reads what no step made
 */
export function prepareImage(image: StoredImage, steps: readonly ImageOp[]): Prepared {
  const bench = new Workbench(image, steps)
  for (const [index, step] of steps.entries()) {
    try {
      bench.run(step, index)
    } catch (error) {
      if (error instanceof Refusal) return { refused: error.code, about: step.op }
      throw error
    }
  }
  return { tensors: Object.fromEntries(bench.tensors) }
}

class Workbench {
  readonly tensors = new Map<string, Tensor>()
  readonly #image: StoredImage
  readonly #rasters = new Map<string, Raster>()
  /** Which step is the last to read a raster, by its name. */
  readonly #lastReads: ReadonlyMap<string, number>

  constructor(image: StoredImage, steps: readonly ImageOp[]) {
    this.#image = image
    this.#lastReads = new Map(steps.flatMap((step, index) => ('from' in step ? [[step.from, index] as const] : [])))
  }

  run(step: ImageOp, index: number): void {
    if (step.op === 'image-values') {
      this.#put(step.to, storedRaster(step, this.#image, this.#room(undefined)))
      return
    }
    const raster = this.#take(step.from, index)
    const room = this.#room(raster)
    if (step.op === 'image-tensor') this.tensors.set(step.tensor, tensorOf(step, raster, room))
    else this.#put(step.to, runRasterStep(step, raster, room))
  }

  #put(name: string, raster: Raster): void {
    if (this.#lastReads.has(name)) this.#rasters.set(name, raster)
  }

  #take(name: string, index: number): Raster {
    const raster = this.#rasters.get(name)
    if (raster === undefined) throw new ContractError('contract_inconsistent', { about: name })
    if (this.#lastReads.get(name) === index) this.#rasters.delete(name)
    return raster
  }

  /** A step that changes nothing gives its raster another name: values are free when no name that is left has them. */
  #room(raster: Raster | undefined): Room {
    const arrays = new Set<object>([...this.#rasters.values()].map(({ values }) => values))
    const tensors = [...this.tensors.values()].map(({ data }) => data)
    const isFree = raster !== undefined && !arrays.has(raster.values)
    const held = [...this.#rasters.values()].filter(({ values }) => arrays.delete(values)).map(({ values }) => values)
    const own = isFree ? [raster.values] : []
    return new Room(
      isFree,
      [...held, ...tensors, ...own].reduce((sum, { length }) => sum + length, 0),
    )
  }
}
