import { type ElementType, isElementType } from '../contract/tensor.ts'
import type { OnnxValue } from '../onnx/surface.ts'
import { type Json, shortText } from './draft-json.ts'
import { decide } from './mark.ts'

/** Type and sizes of a tensor of the graph, as a contract says them. */
export function draftTensor(value: OnnxValue): { readonly dtype: ElementType | string; readonly dims: Json } {
  return { dtype: dtypeOf(value), dims: dimsOf(value) }
}

function dtypeOf({ dtype }: OnnxValue): ElementType | string {
  return isElementType(dtype)
    ? dtype
    : decide(`no contract can name ${dtype ?? 'this type'}: see "wardstone model check"`)
}

/** The first free size is the batch: one patient at a time. Others only a person can bound. */
function dimsOf({ dims }: OnnxValue): Json {
  if (dims === undefined) return decide('the sizes: the graph does not say how many there are')
  return dims.map((dim, index) => {
    if (typeof dim === 'number') return dim
    return {
      max: index === 0 ? 1 : decide(`the greatest that the free size ${shortText(dim ?? 'without a name')} can be`),
    }
  })
}
