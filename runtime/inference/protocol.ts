import type { Tensors } from '../../models/contract/tensor.ts'
import type { ManifestFile } from '../../models/package/manifest.ts'
import { isTensors } from './tensor-check.ts'
import type { ProviderReport } from './types.ts'

/** The number under which a worker inherits the package: 0–2 are the standard streams, 3 is the channel. */
export const PACKAGE_FD = 4

/** First message of a process's life: what to decrypt and how to run it. */
export interface LoadMessage {
  readonly kind: 'load'
  readonly payloadOffset: number
  readonly file: ManifestFile
  readonly fileIndex: number
  readonly contentKey: Uint8Array
  readonly salt: Uint8Array
  readonly threads: number
}

export interface RunMessage {
  readonly kind: 'run'
  readonly id: number
  readonly inputs: Tensors
}

export type ToWorker = LoadMessage | RunMessage

/**
 * What a worker says. There is no text in it: the runtime's error texts can quote an element of an input, so they end
 * in the worker.
 */
export type FromWorker =
  | { readonly kind: 'ready'; readonly provider: ProviderReport }
  | { readonly kind: 'load-failed'; readonly stage: LoadStage; readonly code: string }
  | { readonly kind: 'result'; readonly id: number; readonly outputs: Tensors }
  | { readonly kind: 'run-failed'; readonly id: number; readonly reason: 'failed' | 'out-of-memory' }

export type LoadStage = 'decrypt' | 'session'

/** Reads a worker's message, or undefined when it is not one: a worker that has been taken over can send anything. */
export function readFromWorker(message: unknown): FromWorker | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  const { kind, id, outputs, reason, stage, code, provider } = message as Record<string, unknown>
  if (kind === 'ready') return isProviderReport(provider) ? { kind, provider } : undefined
  if (kind === 'load-failed') return isStage(stage) && isCode(code) ? { kind, stage, code } : undefined
  if (typeof id !== 'number') return undefined
  if (kind === 'result') return isTensors(outputs) ? { kind, id, outputs } : undefined
  if (kind === 'run-failed') return reason === 'failed' || reason === 'out-of-memory' ? { kind, id, reason } : undefined
  return undefined
}

function isStage(value: unknown): value is LoadStage {
  return value === 'decrypt' || value === 'session'
}

function isCode(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z0-9_]{1,64}$/.test(value)
}

function isProviderReport(value: unknown): value is ProviderReport {
  if (typeof value !== 'object' || value === null) return false
  const { provider, runtime, threads } = value as Record<string, unknown>
  const known = provider === 'cpu' || provider === 'cuda' || provider === 'webgpu'
  return known && typeof runtime === 'string' && /^[a-z0-9 .-]{1,64}$/.test(runtime) && Number.isSafeInteger(threads)
}
