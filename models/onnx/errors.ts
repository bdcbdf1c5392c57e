import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const onnxErrors = {
  onnx_graph_invalid: 'The graph that was described cannot be an ONNX model.',
  onnx_malformed: 'The file is not an ONNX model in the protocol buffer form.',
  onnx_too_large: 'The ONNX file is larger than its format can be.',
  onnx_too_complex: 'The ONNX file has more parts, levels or names than any model needs; reading was stopped.',
} as const

export class OnnxError extends WardstoneError<keyof typeof onnxErrors> {
  constructor(code: keyof typeof onnxErrors, options?: WardstoneErrorOptions) {
    super(code, onnxErrors[code], options)
  }
}
