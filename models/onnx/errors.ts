import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const onnxErrors = {
  onnx_graph_invalid: 'The graph that was described cannot be an ONNX model.',
} as const

export class OnnxError extends WardstoneError<keyof typeof onnxErrors> {
  constructor(code: keyof typeof onnxErrors, options?: WardstoneErrorOptions) {
    super(code, onnxErrors[code], options)
  }
}
