import type { Contract, PreprocessingOp } from '../schema.ts'
import type { ImageOp } from './image-schema.ts'

export function isImageStep(step: PreprocessingOp): step is ImageOp {
  return step.op.startsWith('image-')
}

/** The steps that are done where the image is decoded, in their order. */
export function imageSteps({ preprocessing }: Contract): readonly ImageOp[] {
  return preprocessing.filter(isImageStep)
}
