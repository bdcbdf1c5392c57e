import { contractErrors } from '../contract/errors.ts'
import { type FindingCode, findingErrors } from './finding-errors.ts'

/** Something that is missing, inconsistent or dangerous in a model that is being made. */
export interface Finding {
  readonly code: FindingCode
  readonly severity: Severity
  /** What it is about, as the file itself names it: show it through `printable`. */
  readonly about: string
  readonly message: string
  readonly todo: string
}

export type Severity = 'error' | 'warning'

/** An error keeps the model from running, or from running safely; a warning is for a person to weigh. */
const rules: Readonly<Record<FindingCode, readonly [severity: Severity, todo: string]>> = {
  onnx_external_data: ['error', 'Export the model again with its weights inside the file.'],
  onnx_domain_unknown: ['error', 'Export it without these operators, or as functions inside the file.'],
  onnx_domain_vendor: [
    'warning',
    'Export it with operators of ONNX itself, or hold it to its golden vectors on every release.',
  ],
  onnx_operator_unknown: ['warning', 'Check the name; export the model again with operators of ONNX.'],
  onnx_operator_old: ['error', 'Convert the model to version 13 or above of the operators, or export it again.'],
  onnx_operator_random: [
    'warning',
    'Export the model for inference; what is drawn at random can be neither proven nor replayed.',
  ],
  onnx_training: ['error', 'Export the model for inference, without its training.'],
  onnx_opset_missing: ['error', 'Export the model again; a file must import the operator sets it uses.'],
  onnx_opset_too_new: ['error', 'Export it for the version that is named, or below.'],
  onnx_opset_old: ['warning', 'Export it for version 13 or above; else the golden vectors alone say whether it runs.'],
  onnx_ir_too_new: ['error', 'Write the file with an older release of ONNX.'],
  onnx_type_unsupported: [
    'error',
    'Export it as a tensor of float32, float64, integers of 8 to 64 bits or bool: with a Cast beside it, or, where a classifier gives a map of probabilities, without its ZipMap. An output may also be left out of the contract: it is not asked for then.',
  ],
  onnx_shape_unbounded: ['warning', 'Give the size a bound in the contract, as { "max": n }.'],
  onnx_shape_unknown: ['warning', 'Export it with shapes; else the contract alone says them.'],
  onnx_tensor_too_large: [
    'error',
    'Take smaller tensors: 64 MiB are the most. Of a larger output a postprocessing step can make less.',
  ],
  onnx_tensors_too_many: ['error', 'Take fewer: 64 tensors are the most.'],
  onnx_nothing_crosses: [
    'error',
    'Export the model again, with the inputs that it reads and the outputs that it gives.',
  ],
  onnx_name_repeated: ['error', 'Rename one of them in the graph.'],
  onnx_name_unusable: ['error', 'Rename it in the graph: 1 to 64 characters.'],
  onnx_name_quoted: [
    'warning',
    'Rename them in the graph. A package for a GPU cannot run so, because nothing shows that the GPU takes part.',
  ],
  onnx_memory_large: [
    'warning',
    'See that the box has this much beside what runs; half of its memory is the most that one model may ask for.',
  ],
  draft_undecided: ['error', 'Replace the text that starts with the mark by what is true of this model.'],
  draft_field_invalid: ['error', 'See docs/manifest.md for this field.'],
  draft_tensor_unknown: [
    'error',
    'Correct the name: those of the graph are listed by "wardstone model check" of the ONNX file.',
  ],
  draft_tensor_unfed: ['error', 'Add a step that makes it: "tensor" or "pass".'],
  draft_tensor_type: ['error', 'Correct the type: the step "tensor" makes float32, "pass" what the input says.'],
  draft_tensor_shape: ['error', 'Make the sizes of contract and graph the same.'],
  draft_memory_short: ['warning', 'Raise memoryBytes to the estimate; a worker that runs out of it is ended.'],
  golden_invalid: ['error', 'See docs/manifest.md for golden vectors; the place in the file is named.'],
  golden_contradicted: [
    'error',
    'Correct what is sent, or what is expected. It was held against the guards and the threshold; the model was not run.',
  ],
  draft_guard_open: ['warning', 'Add a range to the input, if there is one outside which a value cannot be true.'],
  draft_image_unguarded: [
    'warning',
    'Add a guard on its modality, and on what else tells another image from this kind.',
  ],
  draft_population_open: ['warning', 'Add criteria to the population, with inputs that tell who is outside it.'],
  contract_inconsistent: ['error', 'Correct the field that is named; docs/manifest.md says what it must agree with.'],
}

/** @param detail what the rule's words leave open, such as a version */
export function finding(code: FindingCode, about: string, detail = ''): Finding {
  const [severity, todo] = rules[code]
  const message = code === 'contract_inconsistent' ? contractErrors[code] : findingErrors[code]
  return { code, severity, about: detail === '' ? about : `${about}: ${detail}`, message, todo }
}

/** 0 sound, 10 warnings alone, 11 errors. */
export function findingsExitCode(findings: readonly Finding[]): 0 | 10 | 11 {
  if (findings.some(({ severity }) => severity === 'error')) return 11
  return findings.length > 0 ? 10 : 0
}
