import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../house/shared-data.ts'
import { findingsExitCode } from '../../models/authoring/findings.ts'
import { checkGraph } from '../../models/authoring/graph-check.ts'
import { checkMatch } from '../../models/authoring/match-check.ts'
import { decidedDraft } from '../../models/authoring/testkit/decided-draft.ts'
import { verifyContract } from '../../models/contract/consistency.ts'
import { guard } from '../../models/contract/guard.ts'
import { type Assessment, postprocess } from '../../models/contract/postprocess.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import { type Tensor, tensorNumbers } from '../../models/contract/tensor.ts'
import { sendableTensor } from '../../models/contract/tensor-value.ts'
import { readOnnx } from '../../models/onnx/reader.ts'
import { rampTensor } from '../../models/onnx/testkit/ramp-tensor.ts'
import { readTensorProto } from '../../models/onnx/testkit/tensor-proto.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'

const light = join(sharedData ?? '', 'models/onnx-light')
const backend = join(sharedData ?? '', 'models/onnx-backend')
const NOW_MS = Date.UTC(2030, 0, 1)
/** As the runner of these vectors compares: |a − b| ≤ ABSOLUTE + RELATIVE · |b|. */
const [RELATIVE, ABSOLUTE] = [1e-3, 1e-7]

const text = { code: 'onnx_type_unsupported', why: 'text in and out, which no contract can name' } as const
const old = (what: string) => ({
  code: 'onnx_operator_old',
  why: `${what} of version 6; the library has it from version 7`,
})

/** All others of the folder run. Whoever changes what is refused changes this table. */
const refused: Readonly<Record<string, { readonly code: string; readonly why: string }>> = {
  test_AvgPool1d: old('AveragePool'),
  test_AvgPool2d: old('AveragePool'),
  test_AvgPool3d_stride: old('AveragePool'),
  test_AvgPool3d_stride1_pad0_gpu_input: old('AveragePool'),
  test_BatchNorm1d_3d_input_eval: old('BatchNormalization'),
  test_BatchNorm2d_eval: old('BatchNormalization'),
  test_BatchNorm3d_eval: old('BatchNormalization'),
  test_BatchNorm3d_momentum_eval: old('BatchNormalization'),
  test_Linear: old('Gemm'),
  test_PReLU_1d_multiparam: old('PRelu'),
  test_PReLU_2d: old('PRelu'),
  test_PReLU_3d: old('PRelu'),
  test_PReLU_3d_multiparam: old('PRelu'),
  test_gradient_of_add_and_mul: { code: 'onnx_training', why: 'the operator Gradient is one of training' },
  test_operator_add_size1_right_broadcast: old('Add'),
  test_operator_add_size1_singleton_broadcast: old('Add'),
  test_operator_basic: old('Add, Mul'),
  test_operator_params: old('Add, Mul'),
  test_strnorm_model_monday_casesensintive_nochangecase: text,
  test_strnorm_model_monday_casesensintive_upper: text,
  test_strnorm_model_monday_empty_output: text,
}

/** From the bytes of a graph to its answer, by the manifest that is drafted from it and nothing else. */
async function decide(bytes: Uint8Array, name: string, sent: readonly Tensor[]): Promise<Assessment> {
  const surface = readOnnx(bytes)
  const manifest = decidedDraft(bytes, surface, name)
  const { contract, memoryBytes } = manifest
  verifyContract(contract)
  expect(findingsExitCode([...checkGraph(surface), ...checkMatch(manifest, surface)])).not.toBe(11)
  const observations = contract.inputs.map(({ name }, index) => {
    return [name, [{ value: sendableTensor(sent[index]!), atMs: NOW_MS }]] as const
  })
  const tensors = preprocess(guard(Object.fromEntries(observations), contract, NOW_MS), contract, NOW_MS)
  await using trial = startTrial(bytes, { memoryLimitBytes: memoryBytes })
  return postprocess(await trial.worker.run(tensors, inMs(30_000)), contract)
}

function expectOfficial(assessment: Assessment, official: readonly Tensor[]): void {
  const outputs = Object.values(assessment.outputs)
  expect(outputs).toHaveLength(official.length)
  for (const [index, expected] of official.entries()) {
    const { values, dims } = outputs[index]!
    expect(dims).toEqual(expected.dims)
    const worst = tensorNumbers(expected).map(
      (number, at) => Math.abs(values[at]! - number) - RELATIVE * Math.abs(number),
    )
    expect(Math.max(...worst)).toBeLessThanOrEqual(ABSOLUTE)
  }
}

function tensorsOf(folder: string, side: 'input' | 'output'): Tensor[] {
  const paths = Array.from({ length: 16 }, (_, index) => join(folder, 'test_data_set_0', `${side}_${index}.pb`))
  return paths.filter((path) => existsSync(path)).map((path) => readTensorProto(readFileSync(path)))
}

describe.skipIf(sharedData === undefined)(
  'models that nobody here made, from the manifest that is drafted for them',
  () => {
    test.for(['densenet121', 'resnet50', 'squeezenet'])(
      '%s gives its official output',
      { timeout: 60_000 },
      async (name) => {
        const bytes = readFileSync(join(light, `light_${name}.onnx`))
        const assessment = await decide(bytes, name, [rampTensor(readOnnx(bytes).inputs[0]!)])
        expectOfficial(assessment, [readTensorProto(readFileSync(join(light, `light_${name}_output_0.pb`)))])
      },
    )

    const names = sharedData === undefined ? [] : readdirSync(backend).filter((name) => name.startsWith('test_'))

    test('there are as many as the table speaks of', () => {
      expect(names).toHaveLength(62)
      expect(Object.keys(refused).filter((name) => !names.includes(name))).toEqual([])
    })

    test.concurrent.for(names)(
      '%s gives its official output, or is refused',
      { timeout: 60_000 },
      async (name, { expect }) => {
        const folder = join(backend, name)
        const bytes = readFileSync(join(folder, 'model.onnx'))
        if (refused[name] !== undefined) {
          const errors = checkGraph(readOnnx(bytes)).filter(({ severity }) => severity === 'error')
          expect([...new Set(errors.map(({ code }) => code))]).toEqual([refused[name].code])
          if (refused[name] === text) return
          // What is said before anything is loaded is what the library would say: nothing is refused that would run.
          await using trial = startTrial(bytes)
          await expect(trial.worker.ready()).rejects.toMatchObject({ code: 'inference_load_failed', about: 'session' })
          return
        }
        expectOfficial(await decide(bytes, name, tensorsOf(folder, 'input')), tensorsOf(folder, 'output'))
      },
    )
  },
)
