import type { ContractError } from '../../models/contract/errors.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { joinRows, splitRows } from './batcher.ts'
import type { InferenceError } from './errors.ts'
import type { PendingRun } from './request-queue.ts'

/** What a process is given at once: one request, or rows of several as one. Each is answered on its own. */
export class Dispatch {
  readonly inputs: Tensors
  readonly inputBytes: number
  readonly runs: readonly PendingRun[]

  constructor(runs: readonly [PendingRun, ...PendingRun[]]) {
    this.runs = runs
    this.inputs = runs.length === 1 ? runs[0].inputs : joinRows(runs.map(({ inputs }) => inputs))
    this.inputBytes = runs.reduce((sum, run) => sum + run.inputBytes, 0)
  }

  get isShared(): boolean {
    return this.runs.length > 1
  }

  /** Somebody still waits for it. */
  get isWanted(): boolean {
    return this.runs.some(({ isSettled }) => !isSettled)
  }

  /** The last of its deadlines. */
  get deadlineMs(): number {
    return Math.max(...this.runs.map(({ deadlineMs }) => deadlineMs))
  }

  /** @returns those that have to be asked again, each alone: the answer could not be told apart */
  succeed(outputs: Tensors): readonly PendingRun[] {
    const parts = this.isShared ? splitRows(outputs, this.runs.length) : [outputs]
    if (parts === undefined) return this.runs
    this.runs.forEach((run, index) => {
      run.resolve(parts[index] ?? {})
    })
    return []
  }

  /** @returns those that have to be asked again, each alone: what is wrong with one of several is not known to be wrong with the others */
  fail(error: InferenceError | ContractError): readonly PendingRun[] {
    if (this.isShared) return this.runs
    for (const run of this.runs) run.reject(error)
    return []
  }
}
