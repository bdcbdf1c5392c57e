import { isImageStep } from './image/image-steps.ts'
import type { Contract } from './schema.ts'

type Columns = readonly string[]

/**
 * Which input stands behind each column of a tensor, followed back through the steps that made it. No op mixes columns, so that
 * there is one for each.
 * @returns undefined for a tensor that no step makes out of inputs
 */
export function columnInputs(contract: Contract, tensor: string): Columns | undefined {
  const matrices = new Map<string, Columns>()
  for (const step of contract.preprocessing) {
    if (isImageStep(step) || step.op === 'pass') continue
    const from = typeof step === 'object' && 'from' in step ? [step.from].flat() : []
    const [first = [], ...others] = from.map((name) => matrices.get(name) ?? [])
    switch (step.op) {
      case 'tensor':
        if (step.tensor === tensor) return first
        break
      case 'observe':
      case 'bins':
        matrices.set(step.to, step.inputs)
        break
      case 'concatenate':
        matrices.set(step.to, [first, ...others].flat())
        break
      case 'select':
        matrices.set(
          step.to,
          step.columns.map((column) => first[column] ?? ''),
        )
        break
      case 'stack':
        matrices.set(step.to, Array<Columns>(step.rows).fill(first).flat())
        break
      default:
        matrices.set(step.to, first)
    }
  }
  return undefined
}
