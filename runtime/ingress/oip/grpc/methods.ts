import type { Action } from '../../../access/policy.ts'
import type { Principal } from '../../../access/principal.ts'
import type { OipAdapter } from '../adapter.ts'
import type { InferenceContext } from '../decision-request.ts'
import { refuseOip } from '../errors.ts'
import type { OipLimits } from '../limits.ts'
import type { OipFault } from '../status.ts'
import { readInferRequest, writeInferResponse } from './infer-message.ts'
import {
  readModelName,
  readReadyOnly,
  writeFlag,
  writeModelMetadata,
  writeRepositoryIndex,
  writeServerMetadata,
  writeStatistics,
} from './messages.ts'

export interface GrpcCall {
  readonly caller: Principal
  readonly message: Uint8Array
  readonly context: Omit<InferenceContext, 'clientId' | 'nowMs'>
}

/** A message, or a refusal that stands in the audit log. */
export type GrpcAnswer =
  | { readonly message: Uint8Array }
  | { readonly fault: OipFault; readonly metadata: Readonly<Record<string, string>> }

export interface GrpcMethod {
  readonly action: Action
  /** `own`: the decision room writes a leaf for what it answers. `counted`: one leaf per client, method and minute. */
  readonly evidence: 'own' | 'counted'
  take(call: GrpcCall): GrpcAnswer | Promise<GrpcAnswer>
}

export const SERVICE = '/inference.GRPCInferenceService/'

/**
 * The methods of `inference.GRPCInferenceService` by their path: those of the protocol, and of Triton's extensions index,
 * load, unload and statistics. There is no stream: an answer to each request is a decision of its own.
 */
export function grpcMethods(adapter: OipAdapter, limits: OipLimits): ReadonlyMap<string, GrpcMethod> {
  const counted = (action: Action, answer: (message: Uint8Array) => Uint8Array): GrpcMethod => {
    return { action, evidence: 'counted', take: ({ message }) => ({ message: answer(message) }) }
  }
  const refused = counted('models.read', () => refuseOip('oip_loading_refused'))
  const methods: Readonly<Record<string, GrpcMethod>> = {
    ServerLive: counted('health.read', () => writeFlag(true)),
    ServerReady: counted('health.read', () => writeFlag(adapter.isReady())),
    ModelReady: counted('health.read', (message) => {
      const { name, version } = readModelName(message)
      return writeFlag(adapter.isModelReady(name, version))
    }),
    ServerMetadata: counted('models.read', () => writeServerMetadata(adapter.serverMetadata())),
    ModelMetadata: counted('models.read', (message) => {
      const { name, version } = readModelName(message)
      return writeModelMetadata(adapter.modelMetadata(name, version))
    }),
    ModelStatistics: counted('models.read', (message) => {
      const { name, version } = readModelName(message)
      return writeStatistics(adapter.modelStatistics(name, version))
    }),
    RepositoryIndex: counted('models.read', (message) => {
      return writeRepositoryIndex(adapter.repositoryIndex(readReadyOnly(message)))
    }),
    RepositoryModelLoad: refused,
    RepositoryModelUnload: refused,
    ModelInfer: { action: 'decision.create', evidence: 'own', take: (call) => infer(adapter, call, limits) },
  }
  return new Map(Object.entries(methods).map(([name, method]) => [`${SERVICE}${name}`, method]))
}

async function infer(
  adapter: OipAdapter,
  { caller, message, context }: GrpcCall,
  limits: OipLimits,
): Promise<GrpcAnswer> {
  const outcome = await adapter.infer(readInferRequest(message, limits), caller, context)
  if (outcome.outcome === 'scored') return { message: writeInferResponse(outcome.response) }
  const { fault, decisionId, leafIndex } = outcome
  const metadata = { 'wardstone-decision-id': decisionId, 'wardstone-audit-leaf-index': String(leafIndex) }
  return { fault, metadata }
}
