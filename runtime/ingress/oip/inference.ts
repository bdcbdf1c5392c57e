import type { TensorData } from '../../../models/contract/tensor.ts'
import type { Datatype } from './datatypes.ts'

/** An inference as the Open Inference Protocol has it, free of the transport that it came by. */
export interface InferenceRequest {
  readonly model: string
  /** Empty: whatever runs in the slot. */
  readonly version: string
  /** The caller's own word for the request; it comes back in the answer. */
  readonly id: string
  readonly parameters: Parameters
  readonly inputs: readonly NamedTensor[]
  /** Undefined: all of them. */
  readonly outputs: readonly RequestedOutput[] | undefined
}

export interface InferenceResponse {
  readonly model: string
  readonly version: string
  readonly id: string
  readonly parameters: Parameters
  readonly outputs: readonly NamedTensor[]
}

export type ParameterValue = boolean | number | bigint | string
export type Parameters = ReadonlyMap<string, ParameterValue>

export interface RequestedOutput {
  readonly name: string
  readonly parameters: Parameters
}

/** A tensor with its elements: a typed array of its own memory, or the byte strings of BYTES. */
export interface NamedTensor {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly parameters: Parameters
  readonly data: TensorData | readonly Uint8Array[]
}

export const noParameters: Parameters = new Map()
