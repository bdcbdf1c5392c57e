import type { Tensors } from '../models/contract/tensor.ts'
import type { PackageDraft } from '../models/package/pack.ts'
import type { ModelSummary } from '../runtime/decisions/service-types.ts'

/** A model that is measured: its package, the tensors of one input as the model takes them, and how a client asks for it. */
export interface BenchModel {
  /** Its slot. */
  readonly name: string
  readonly draft: PackageDraft
  /** What preprocessing makes of the body: what bare `session.run` and the bare server are given. */
  readonly tensors: Tensors
  /** The body of `POST /v1/decisions`. @param index running number of the request */
  body(summary: ModelSummary, index: number): unknown
}

/** So many made-up patients take turns. */
const SUBJECTS = 64

export function subjectOf(index: number): string {
  return `bench-${index % SUBJECTS}`
}

export function modelBytes({ files }: PackageDraft): Uint8Array {
  return files.find(({ role }) => role === 'model')?.content ?? new Uint8Array()
}
