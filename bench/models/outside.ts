import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Tensor } from '../../models/contract/tensor.ts'
import { seededRandom } from '../../models/synthetic/seeded-random.ts'
import type { BenchModel } from '../bench-model.ts'
import { tensorModel } from './tensor.ts'

/** Beside a checkout; the files are read where they lie. */
const FOLDER = new URL('../../../shared/data/models/', import.meta.url)

const outside = [
  { name: 'sepsyd', file: 'sepsyd/sepsyd-xgb-720f.onnx', dims: [1, 720] },
  { name: 'squeezenet', file: 'onnx-light/light_squeezenet.onnx', dims: [1, 3, 224, 224] },
  { name: 'densenet121', file: 'onnx-light/light_densenet121.onnx', dims: [1, 3, 224, 224] },
] as const

export interface OutsideModels {
  readonly models: readonly BenchModel[]
  /** One line for each that is not there. */
  readonly leftOut: readonly string[]
}

/** Models that others have published, as raw tensors with drawn numbers: compute load, not medicine. */
export async function outsideModels(folder: URL = FOLDER): Promise<OutsideModels> {
  const models: BenchModel[] = []
  const leftOut: string[] = []
  for (const { name, file, dims } of outside) {
    const path = fileURLToPath(new URL(file, folder))
    if (existsSync(path)) models.push(await tensorModel(name, readFileSync(path), drawnTensor(dims)))
    else leftOut.push(`${name} was left out: shared/data/models/${file} does not lie beside the checkout`)
  }
  return { models, leftOut }
}

/** Uniform numbers from 0 to 1, the same on every machine. */
export function drawnTensor(dims: readonly number[]): Tensor {
  const random = seededRandom(5)
  const count = dims.reduce((product, size) => product * size, 1)
  return { dtype: 'float32', dims: [...dims], data: Float32Array.from({ length: count }, () => random.uniform()) }
}
