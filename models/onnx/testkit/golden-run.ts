import { Refusal } from '../../contract/errors.ts'
import { goldenDifference, goldenObservations } from '../../contract/golden.ts'
import { guard } from '../../contract/guard.ts'
import { postprocess } from '../../contract/postprocess.ts'
import { preprocess } from '../../contract/preprocess.ts'
import type { Contract, GoldenVectors } from '../../contract/schema.ts'
import type { Tensor, Tensors } from '../../contract/tensor.ts'
import { runModel } from './run-model.ts'

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5)

/**
 * Sends every vector along the way of a patient's inputs, all rows through the model in one batch.
 * @returns the vectors that do not come out as expected, with what differs
 */
export async function goldenFailures(
  model: Uint8Array,
  contract: Contract,
  golden: GoldenVectors,
  tolerance: number,
): Promise<string[]> {
  const prepared = golden.vectors.map((vector) => prepare(goldenObservations(vector, NOW_MS), contract))
  const rows = prepared.filter((outcome): outcome is Tensors => !(outcome instanceof Refusal))
  const answers = splitRows(await runModel(model, stackRows(rows)), rows.length)
  return golden.vectors.flatMap((vector, index) => {
    const outcome = prepared[index]
    const answer = outcome instanceof Refusal ? outcome : postprocess(answers[rows.indexOf(outcome!)] ?? {}, contract)
    const difference = goldenDifference(vector, answer, tolerance)
    return difference === undefined ? [] : [`${vector.name}: ${difference}`]
  })
}

function prepare(observations: Parameters<typeof guard>[0], contract: Contract): Tensors | Refusal {
  try {
    return preprocess(guard(observations, contract, NOW_MS), contract, NOW_MS)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

function stackRows(rows: readonly Tensors[]): Tensors {
  const names = Object.keys(rows[0] ?? {})
  return Object.fromEntries(
    names.map((name): [string, Tensor] => {
      const parts = rows.map((row) => row[name]?.data as Float32Array)
      const columns = parts[0]?.length ?? 0
      const data = Float32Array.from(parts.flatMap((part) => Array.from(part)))
      return [name, { dtype: 'float32', dims: [rows.length, columns], data }]
    }),
  )
}

function splitRows(answers: Tensors, count: number): Tensors[] {
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(
      Object.entries(answers).map(([name, tensor]): [string, Tensor] => {
        const columns = tensor.data.length / count
        const data = (tensor.data as Float32Array).slice(row * columns, (row + 1) * columns)
        return [name, { dtype: 'float32', dims: [1, columns], data }]
      }),
    ),
  )
}
