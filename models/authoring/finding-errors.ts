/** What `wardstone model check` finds in a graph, in a draft, and between the two: code → what is wrong. */
export const findingErrors = {
  onnx_external_data: 'The model names tensors that it does not carry; they are not signed and never read.',
  onnx_domain_unknown: 'The graph uses operators of a domain that the runtime does not have.',
  onnx_domain_vendor: 'The graph uses operators that only one library has.',
  onnx_operator_unknown:
    'The graph uses an operator that the ONNX specification did not have when this release was made.',
  onnx_operator_old: 'The graph uses an operator in an older version than the runtime has.',
  onnx_operator_random: 'The graph draws random numbers, so that the same inputs give other outputs.',
  onnx_training: 'The file holds training graphs or operators of training.',
  onnx_opset_missing: 'The file does not say which version of its operators it means.',
  onnx_opset_too_new: 'The file asks for a newer version of the operators than the runtime has.',
  onnx_opset_old: 'The file asks for operators older than the runtime promises to run.',
  onnx_ir_too_new: 'The file has a newer form than the runtime reads.',
  onnx_type_unsupported: 'An input or output is of a type that no contract can name.',
  onnx_shape_unbounded: 'An input has a size that the file leaves open.',
  onnx_shape_unknown: 'The file does not say how many dimensions an input or output has.',
  onnx_tensor_too_large: 'An input or output is larger than what crosses to a worker.',
  onnx_tensors_too_many: 'The graph has more inputs or outputs than what crosses to a worker.',
  onnx_name_unusable: 'An input or output has a name that no contract can hold.',
  onnx_memory_large: 'The model will need much memory while it is loaded.',
  draft_undecided: 'A person has to decide this field.',
  draft_field_invalid: 'A field does not follow the schema of the manifest.',
  draft_tensor_unknown: 'The contract names a tensor that the graph does not have.',
  draft_tensor_unfed: 'The graph needs an input that no step of the preprocessing makes.',
  draft_tensor_type: 'A tensor of the contract has another type than in the graph.',
  draft_tensor_shape: 'A tensor of the contract has another shape than in the graph.',
  draft_memory_short: 'The manifest grants less memory than the model is estimated to need.',
  draft_guard_open: 'A tensor has no plausible range, so nothing implausible is noticed.',
  draft_population_open: 'No criterion says for whom the model is not.',
} as const

export type FindingCode = keyof typeof findingErrors | 'contract_inconsistent'
