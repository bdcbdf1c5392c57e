import { decodeFiles } from '../../../runtime/images/decode-files.ts'
import { defaultImageLimits } from '../../../runtime/images/limits.ts'
import { WasmCodecs } from '../../../runtime/images/pixels/codecs.ts'
import { Refusal } from '../../contract/errors.ts'
import { guard } from '../../contract/guard.ts'
import type { StoredImage } from '../../contract/image/image-facts.ts'
import { imageSteps } from '../../contract/image/image-steps.ts'
import { prepareImage } from '../../contract/image/prepare-image.ts'
import { runOutputOps } from '../../contract/output-ops/output-ops.ts'
import { type Assessment, postprocess } from '../../contract/postprocess.ts'
import { preprocess } from '../../contract/preprocess.ts'
import type { Tensor, Tensors } from '../../contract/tensor.ts'
import { runModel } from '../../onnx/testkit/run-model.ts'
import { chestQcContract } from '../contract.ts'

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5)
const codecs = new WasmCodecs()

/** What is said of a picture: in the contract's terms, with the tensors that the worker sends back; or why nothing is. */
export type Answer = { readonly assessment: Assessment; readonly tensors: Tensors } | Refusal

export function decoded(file: Uint8Array): Promise<StoredImage> {
  return decodeFiles([file], defaultImageLimits, codecs, 'values')
}

/** Pictures along the way of a decision: steps, guard, model, output steps. All go through the model in one batch. */
export async function ask(model: Uint8Array, images: readonly StoredImage[]): Promise<Answer[]> {
  const guarded = images.map(guardedTensors)
  const rows = guarded.filter((outcome): outcome is Tensors => !(outcome instanceof Refusal))
  const raw = rows.length === 0 ? {} : await runModel(model, { image: stacked(rows) })
  return guarded.map((outcome) => {
    if (outcome instanceof Refusal) return outcome
    const tensors = runOutputOps(rowOf(raw, rows.indexOf(outcome)), chestQcContract.postprocessing ?? [])
    return { tensors, assessment: postprocess(tensors, chestQcContract) }
  })
}

function guardedTensors(image: StoredImage): Tensors | Refusal {
  try {
    const prepared = { facts: image, prepared: prepareImage(image, imageSteps(chestQcContract)) }
    return preprocess(guard({}, chestQcContract, NOW_MS, prepared), chestQcContract, NOW_MS)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

function stacked(rows: readonly Tensors[]): Tensor {
  const size = rows[0]?.image?.data.length ?? 0
  const data = new Float32Array(size * rows.length)
  for (const [index, { image }] of rows.entries()) data.set(image?.data as Float32Array, index * size)
  return { dtype: 'float32', dims: [rows.length, ...(rows[0]?.image?.dims.slice(1) ?? [])], data }
}

function rowOf(batch: Tensors, row: number): Tensors {
  return Object.fromEntries(
    Object.entries(batch).map(([name, { dims, data }]): [string, Tensor] => {
      const size = dims.slice(1).reduce((product, extent) => product * extent, 1)
      const part = (data as Float32Array).slice(row * size, (row + 1) * size)
      return [name, { dtype: 'float32', dims: [1, ...dims.slice(1)], data: part }]
    }),
  )
}

/** The one value of an output; NaN where nothing was said. */
export function said(answer: Answer | undefined, output: string): number {
  if (answer === undefined || answer instanceof Refusal) return Number.NaN
  return answer.assessment.outputs[output]?.values[0] ?? Number.NaN
}
