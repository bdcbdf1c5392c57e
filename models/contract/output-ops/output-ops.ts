import { ContractError } from '../errors.ts'
import { isElementType, type Tensor, type Tensors } from '../tensor.ts'
import { activationMap } from './activation-map.ts'
import { elementCount } from './axis.ts'
import { argmax, pick, sigmoid, softmax, temperature } from './class-scores.ts'
import { connectedComponents } from './connected-components.ts'
import type { OutputOp } from './output-schema.ts'

/**
 * Runs the output ops in their order.
 * @param raw the model's outputs; they stay as they are
 * @returns the model's outputs and what the ops made of them, by name
 * @throws ContractError contract_output_invalid, about `postprocessing.N`: the op cannot be applied to what it reads, reads
 * what is not there, or would write over it
 */
export function runOutputOps(raw: Tensors, ops: readonly OutputOp[]): Tensors {
  const tensors = new Map(Object.entries(raw))
  ops.forEach((op, index) => {
    const from = tensors.get(op.from)
    const made = isReadable(from) && !tensors.has(op.to) ? applyOp(from, op) : undefined
    if (made === undefined) throw new ContractError('contract_output_invalid', { about: `postprocessing.${index}` })
    tensors.set(op.to, made)
  })
  return Object.fromEntries(tensors)
}

/** Models may put out types that no contract can name. */
function isReadable(tensor: Tensor | undefined): tensor is Tensor {
  return tensor !== undefined && isElementType(tensor.dtype) && tensor.data.length === elementCount(tensor.dims)
}

function applyOp(tensor: Tensor, op: OutputOp): Tensor | undefined {
  switch (op.op) {
    case 'softmax':
      return softmax(tensor, op)
    case 'sigmoid':
      return sigmoid(tensor)
    case 'temperature':
      return temperature(tensor, op)
    case 'pick':
      return pick(tensor, op)
    case 'argmax':
      return argmax(tensor, op)
    case 'connected-components':
      return connectedComponents(tensor, op)
    case 'class-activation-map':
      return activationMap(tensor, op)
  }
}
