import type { SepsisInput } from './inputs.ts'

/** One dense layer: weights[output][input]. */
export interface Layer {
  readonly weights: readonly (readonly number[])[]
  readonly bias: readonly number[]
}

/** A small feed-forward network on standardised columns: rectified hidden layers, one logit out. */
export interface Network {
  /** Per feature column, after the logarithm where `logarithm` says so. */
  readonly mean: readonly number[]
  readonly sd: readonly number[]
  readonly layers: readonly Layer[]
}

/** What the ONNX graph computes, in double precision: the reference it is held to. `features` in physical units. */
export function networkProbability(network: Network, features: readonly number[], scales: readonly Scale[]): number {
  const standardised = features.map((feature, column) => {
    const scaled = scales[column] === 'logarithm' ? Math.log(feature) : feature
    return (scaled - (network.mean[column] ?? 0)) / (network.sd[column] ?? 1)
  })
  const last = network.layers.length - 1
  const [logit = 0] = network.layers.reduce<readonly number[]>(
    (values, layer, depth) => dense(layer, values).map((value) => (depth < last ? Math.max(0, value) : value)),
    standardised,
  )
  return 1 / (1 + Math.exp(-logit))
}

export type Scale = SepsisInput['scale']

function dense(layer: Layer, values: readonly number[]): number[] {
  return layer.weights.map((row, output) =>
    row.reduce((sum, weight, input) => sum + weight * (values[input] ?? 0), layer.bias[output] ?? 0),
  )
}
