import type { Tensors } from '../../../models/contract/tensor.ts'
import {
  BOOL,
  externalTensor,
  FLOAT,
  floats,
  graph,
  graphAttribute,
  INT64,
  intAttribute,
  model,
  node,
  port,
  STRING,
  tensor,
  tensorAttribute,
} from './onnx-bytes.ts'

/**
 * y = 2 x, after `rounds` rounds of a loop that adds one each time, plus the sum of `size` ones that are really
 * allocated. One graph that answers at once, hangs or eats memory, as its inputs ask.
 */
export function trialModel(): Uint8Array {
  const body = graph({
    nodes: [node('Identity', ['go'], ['go_on']), node('Add', ['value', 'one'], ['value_next'])],
    inputs: [port('round', INT64, []), port('go', BOOL, []), port('value', FLOAT, ['N', 4])],
    outputs: [port('go_on', BOOL, []), port('value_next', FLOAT, ['N', 4])],
  })
  const ones = floats('filler', [1], [1])
  return model({
    nodes: [
      node('Loop', ['rounds', '', 'x'], ['looped'], graphAttribute('body', body)),
      node('ConstantOfShape', ['size'], ['filled'], tensorAttribute('value', ones)),
      node('ReduceSum', ['filled'], ['sum']),
      node('MatMul', ['looped', 'weights'], ['doubled']),
      node('Identity', ['doubled'], ['y']),
    ],
    constants: [floats('one', [1], [1]), floats('weights', [4, 4], [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2])],
    inputs: [port('x', FLOAT, ['N', 4]), port('rounds', INT64, []), port('size', INT64, [1])],
    outputs: [port('y', FLOAT, ['N', 4]), port('sum', FLOAT, [1])],
  })
}

/** Inputs of {@link trialModel}: by default one row that is answered at once. */
export function trialInputs(x: readonly number[], { rounds = 0, size = 1 } = {}): Tensors {
  return {
    x: { dtype: 'float32', dims: [x.length / 4, 4], data: Float32Array.from(x) },
    rounds: { dtype: 'int64', dims: [], data: BigInt64Array.of(BigInt(rounds)) },
    size: { dtype: 'int64', dims: [1], data: BigInt64Array.of(BigInt(size)) },
  }
}

export const ENDLESS_ROUNDS = 2 ** 50

/** y = x + w, where w is a pattern of 32 bytes, as eight floats, over and over, like the weights of a larger model. */
export function plantedModel(pattern: Uint8Array, repetitions = 4096): Uint8Array {
  const weights = Buffer.concat(Array.from({ length: repetitions }, () => pattern))
  return model({
    nodes: [node('Add', ['x', 'w'], ['y'])],
    constants: [tensor('w', FLOAT, [repetitions, 8], weights)],
    inputs: [port('x', FLOAT, [1])],
    outputs: [port('y', FLOAT, [repetitions, 8])],
  })
}

/** A model whose output is larger than the channel takes: `size` floats. */
export function wideModel(): Uint8Array {
  return model({
    nodes: [node('ConstantOfShape', ['size'], ['y'], tensorAttribute('value', floats('filler', [1], [1])))],
    inputs: [port('size', INT64, [1])],
    outputs: [port('y', FLOAT, ['N'])],
  })
}

/** y = ones of `shape`, whatever that is, and z = the shape as text, which no contract can name. */
export function blockModel(): Uint8Array {
  return model({
    nodes: [
      node('ConstantOfShape', ['shape'], ['y'], tensorAttribute('value', floats('filler', [1], [1]))),
      node('Cast', ['shape'], ['z'], intAttribute('to', STRING)),
    ],
    inputs: [port('shape', INT64, ['N'])],
    outputs: [port('y', FLOAT, ['A', 'B', 'C']), port('z', STRING, ['N'])],
  })
}

/** z = x cast to text: an output type that no contract can name. */
export function textModel(): Uint8Array {
  return model({
    nodes: [node('Cast', ['x'], ['z'], intAttribute('to', STRING))],
    inputs: [port('x', FLOAT, ['N'])],
    outputs: [port('z', STRING, ['N'])],
  })
}

/** y = x / 100: something that a contract with one number can be put around. */
export function hundredthModel(): Uint8Array {
  return model({
    nodes: [node('Mul', ['x', 'hundredth'], ['y'])],
    constants: [floats('hundredth', [1], [0.01])],
    inputs: [port('x', FLOAT, ['N', 1])],
    outputs: [port('y', FLOAT, ['N', 1])],
  })
}

/** y = x / 100 of one row and no more: its first dimension is not free. */
export function oneRowModel(): Uint8Array {
  return model({
    nodes: [node('Mul', ['x', 'hundredth'], ['y'])],
    constants: [floats('hundredth', [1], [0.01])],
    inputs: [port('x', FLOAT, [1, 1])],
    outputs: [port('y', FLOAT, [1, 1])],
  })
}

/** y = (x + the sum of all rows) / 200: of one row the same as a hundredth, of several something else. */
export function mixingModel(): Uint8Array {
  return model({
    nodes: [
      node('ReduceSum', ['x'], ['sum']),
      node('Add', ['x', 'sum'], ['both']),
      node('Mul', ['both', 'share'], ['y']),
    ],
    constants: [floats('share', [1], [0.005])],
    inputs: [port('x', FLOAT, ['N', 1])],
    outputs: [port('y', FLOAT, ['N', 1])],
  })
}

/** y = x + w, where w is four floats that the model does not carry: they stand in a file of the host. */
export function externalModel(location: string): Uint8Array {
  return model({
    nodes: [node('Add', ['x', 'w'], ['y'])],
    constants: [externalTensor('w', FLOAT, [4], location)],
    inputs: [port('x', FLOAT, [1])],
    outputs: [port('y', FLOAT, [4])],
  })
}
