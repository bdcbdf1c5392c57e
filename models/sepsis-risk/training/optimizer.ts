import type { SeededRandom } from '../../synthetic/seeded-random.ts'
import type { Layer } from '../network.ts'

/** Standardised feature rows, row-major, with a label of 0 or 1 each. */
export interface TrainingRows {
  readonly columns: number
  readonly features: Float64Array
  readonly labels: Uint8Array
}

export interface TrainingOptions {
  readonly hidden: readonly number[]
  readonly epochs: number
  readonly batch: number
  readonly learningRate: number
  readonly weightDecay: number
}

/** A dense layer with its gradient and the two moments of Adam (Kingma and Ba, 2015). */
interface DenseState {
  readonly inputs: number
  readonly outputs: number
  readonly parameters: Float64Array // weights row by row, then bias
  readonly gradient: Float64Array
  readonly first: Float64Array
  readonly second: Float64Array
  readonly activation: Float64Array
  readonly delta: Float64Array
}

/** Trains by mini-batch gradient descent on the logistic loss. The same rows, options and seed give the same network. */
export function trainLayers(rows: TrainingRows, options: TrainingOptions, random: SeededRandom): Layer[] {
  const sizes = [rows.columns, ...options.hidden, 1]
  const layers = sizes.slice(1).map((outputs, depth) => denseState(sizes[depth] ?? 1, outputs, random))
  const order = Uint32Array.from({ length: rows.labels.length }, (_, index) => index)
  const stepsPerEpoch = Math.ceil(order.length / options.batch)
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    shuffle(order, random)
    for (let step = 0; step < stepsPerEpoch; step++) {
      const members = order.subarray(step * options.batch, (step + 1) * options.batch)
      for (const row of members) accumulate(layers, rows, row)
      const done = (epoch * stepsPerEpoch + step) / (options.epochs * stepsPerEpoch)
      const rate = (options.learningRate * (1 + Math.cos(Math.PI * done))) / 2
      const count = epoch * stepsPerEpoch + step + 1
      for (const layer of layers) update(layer, members.length, rate, options.weightDecay, count)
    }
  }
  return layers.map(layerOf)
}

function denseState(inputs: number, outputs: number, random: SeededRandom): DenseState {
  const size = outputs * (inputs + 1)
  const spread = Math.sqrt(2 / inputs)
  return {
    inputs,
    outputs,
    parameters: Float64Array.from({ length: size }, (_, i) => (i < outputs * inputs ? random.normal() * spread : 0)),
    gradient: new Float64Array(size),
    first: new Float64Array(size),
    second: new Float64Array(size),
    activation: new Float64Array(outputs),
    delta: new Float64Array(outputs),
  }
}

function shuffle(order: Uint32Array, random: SeededRandom): void {
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.integer(last + 1)
    const kept = order[last]!
    order[last] = order[other]!
    order[other] = kept
  }
}

function accumulate(layers: readonly DenseState[], rows: TrainingRows, row: number): void {
  const features = rows.features.subarray(row * rows.columns, (row + 1) * rows.columns)
  let values = features
  layers.forEach((layer, depth) => {
    forward(layer, values, depth < layers.length - 1)
    values = layer.activation
  })
  const output = layers.at(-1)!
  output.delta[0] = 1 / (1 + Math.exp(-output.activation[0]!)) - rows.labels[row]!
  for (let depth = layers.length - 1; depth >= 0; depth--) {
    const below = layers[depth - 1]
    backward(layers[depth]!, below?.activation ?? features, below?.delta)
  }
}

function forward(layer: DenseState, values: Float64Array, rectified: boolean): void {
  const { inputs, outputs, parameters, activation } = layer
  for (let output = 0; output < outputs; output++) {
    let sum = parameters[outputs * inputs + output]!
    for (let input = 0; input < inputs; input++) sum += parameters[output * inputs + input]! * values[input]!
    activation[output] = rectified && sum < 0 ? 0 : sum
  }
}

function backward(layer: DenseState, values: Float64Array, below: Float64Array | undefined): void {
  const { inputs, outputs, parameters, gradient, delta } = layer
  below?.fill(0)
  for (let output = 0; output < outputs; output++) {
    const error = delta[output]!
    if (error === 0) continue
    gradient[outputs * inputs + output]! += error
    for (let input = 0; input < inputs; input++) {
      const at = output * inputs + input
      gradient[at]! += error * values[input]!
      if (below !== undefined && values[input]! > 0) below[input]! += error * parameters[at]!
    }
  }
}

function update(layer: DenseState, rows: number, rate: number, decay: number, count: number): void {
  const { parameters, gradient, first, second } = layer
  const correctFirst = 1 - 0.9 ** count
  const correctSecond = 1 - 0.999 ** count
  for (let at = 0; at < parameters.length; at++) {
    const slope = gradient[at]! / rows
    gradient[at] = 0
    first[at] = 0.9 * first[at]! + 0.1 * slope
    second[at] = 0.999 * second[at]! + 0.001 * slope * slope
    const step = first[at]! / correctFirst / (Math.sqrt(second[at]! / correctSecond) + 1e-8)
    parameters[at]! -= rate * (step + decay * parameters[at]!)
  }
}

function layerOf(layer: DenseState): Layer {
  const { inputs, outputs, parameters } = layer
  return {
    weights: Array.from({ length: outputs }, (_, output) =>
      Array.from(parameters.subarray(output * inputs, (output + 1) * inputs), sixDigits),
    ),
    bias: Array.from(parameters.subarray(outputs * inputs), sixDigits),
  }
}

/** What the committed weights carry. */
export function sixDigits(value: number): number {
  return Number(value.toPrecision(6))
}
