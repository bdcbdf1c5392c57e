/** What one request of this protocol may be, whichever transport it came by. */
export interface OipLimits {
  /** A REST body or a gRPC message, whole. */
  readonly maxRequestBytes: number
  /** Of it, the JSON. */
  readonly maxJsonBytes: number
  /** Numbers, texts, flags and nulls of one JSON; in gRPC, integers and flags that are not raw. While they are read nobody else is answered. */
  readonly maxJsonValues: number
  /** Lists and objects of one JSON, fields of one gRPC message: each costs more than a number. */
  readonly maxJsonContainers: number
  /** A name or a text of the JSON, in UTF-16 units. */
  readonly maxTextLength: number
  /** Inputs of one request; outputs that it asks for. */
  readonly maxTensors: number
  /** Of a request, an input or an output. */
  readonly maxParameters: number
  /** Elements of datatype BYTES of one request. */
  readonly maxTexts: number
}

export const defaultOipLimits: OipLimits = {
  maxRequestBytes: 16 * 1024 * 1024,
  maxJsonBytes: 8 * 1024 * 1024,
  maxJsonValues: 262_144,
  maxJsonContainers: 65_536,
  maxTextLength: 65_536,
  maxTensors: 256,
  maxParameters: 64,
  maxTexts: 1000,
}

/** Levels of a JSON: an object, a list of inputs, an input, and the 16 dimensions that a tensor may have. */
export const MAX_JSON_DEPTH = 20
