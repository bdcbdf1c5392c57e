import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../onnx/graph-builder.ts'
import { readOnnx } from '../onnx/reader.ts'
import { bytesField, modelWith, numberField, textField } from '../onnx/testkit/wire-bytes.ts'
import { findingsExitCode } from './findings.ts'
import { checkGraph } from './graph-check.ts'
import { identityModel } from './testkit/identity-model.ts'

type Bytes = readonly number[]

const tensorType = (dtype: number, dims: readonly Bytes[]) =>
  bytesField(1, [
    ...numberField(1, dtype),
    ...bytesField(
      2,
      dims.flatMap((dim) => bytesField(1, dim)),
    ),
  ])
const port = (field: number, name: string, type: Bytes) =>
  bytesField(field, [...textField(1, name), ...bytesField(2, type)])
const four = numberField(1, 4)
const float4 = tensorType(1, [four])
const node = (op: string, domain = '') =>
  bytesField(1, [...textField(4, op), ...(domain === '' ? [] : textField(7, domain))])
const opset = (version: number, domain = '') => bytesField(8, [...textField(1, domain), ...numberField(2, version)])

interface Parts {
  readonly nodes?: Bytes
  readonly inputs?: Bytes
  readonly outputs?: Bytes
  readonly opsets?: Bytes
  readonly ir?: number
  readonly rest?: Bytes
}

/** A sound little model but for the part that is given. */
function findings({ nodes, inputs, outputs, opsets, ir = 8, rest = [] }: Parts = {}): string[] {
  const graph = [
    ...(nodes ?? node('Identity')),
    ...(inputs ?? port(11, 'x', float4)),
    ...(outputs ?? port(12, 'y', float4)),
  ]
  const bytes = modelWith([...numberField(1, ir), ...bytesField(7, graph), ...(opsets ?? opset(21)), ...rest])
  return checkGraph(readOnnx(bytes)).map(({ code, severity, about }) => `${severity} ${code} ${about}`)
}

describe('what is said of a graph before it is loaded', () => {
  test('nothing, where there is nothing', () => {
    expect(findings()).toEqual([])
    expect(checkGraph(readOnnx(identityModel())).every(({ code }) => code === 'onnx_shape_unbounded')).toBe(true)
  })

  test.each<[string, Parts]>([
    ['error onnx_external_data 1 tensors', { nodes: [...node('Identity'), ...bytesField(5, numberField(14, 1))] }],
    ['error onnx_ir_too_new version 14: the newest is 13', { ir: 14 }],
    ['error onnx_training training_info', { rest: bytesField(20, []) }],
    [
      'error onnx_training ai.onnx.preview.training.Gradient: once',
      { nodes: node('Gradient', 'ai.onnx.preview.training') },
    ],
    ['error onnx_domain_unknown my.own.Abs: 2 times', { nodes: [...node('Abs', 'my.own'), ...node('Abs', 'my.own')] }],
    ['warning onnx_domain_vendor com.microsoft.Gelu: once', { nodes: node('Gelu', 'com.microsoft') }],
    ['warning onnx_operator_unknown ATen: once', { nodes: node('ATen') }],
    ['warning onnx_operator_random RandomNormal: once', { nodes: node('RandomNormal') }],
    ['error onnx_opset_missing ai.onnx', { opsets: [] }],
    ['error onnx_opset_missing ai.onnx.ml', { nodes: [...node('Abs'), ...node('Scaler', 'ai.onnx.ml')] }],
    ['error onnx_opset_too_new ai.onnx 27: the newest is 26', { opsets: opset(27) }],
    ['error onnx_opset_too_new ai.onnx 27: the newest is 26', { opsets: opset(27, 'ai.onnx') }],
    ['warning onnx_opset_old ai.onnx 6: promised from 7', { opsets: opset(6) }],
    ['error onnx_type_unsupported input x: float16', { inputs: port(11, 'x', tensorType(10, [four])) }],
    ['error onnx_type_unsupported input x: bfloat16', { inputs: port(11, 'x', tensorType(16, [four])) }],
    ['error onnx_type_unsupported input x: string', { inputs: port(11, 'x', tensorType(8, [four])) }],
    ['error onnx_type_unsupported output y: sequence', { outputs: port(12, 'y', bytesField(4, [])) }],
    ['error onnx_type_unsupported input x: type 99', { inputs: port(11, 'x', tensorType(99, [four])) }],
    [
      'warning onnx_shape_unbounded input x: N, unnamed',
      { inputs: port(11, 'x', tensorType(1, [textField(2, 'N'), [], four])) },
    ],
    ['warning onnx_shape_unknown input x', { inputs: port(11, 'x', bytesField(1, numberField(1, 1))) }],
    ['error onnx_tensor_too_large input x', { inputs: port(11, 'x', tensorType(1, [numberField(1, 2 ** 25)])) }],
    [
      'error onnx_tensors_too_many 65 inputs',
      { inputs: Array.from({ length: 65 }, (_, at) => port(11, `x${at}`, float4)).flat() },
    ],
    ['error onnx_nothing_crosses no input', { inputs: [] }],
    ['error onnx_nothing_crosses no output', { outputs: [] }],
    ['error onnx_name_repeated input x', { inputs: [...port(11, 'x', float4), ...port(11, 'x', float4)] }],
    ['warning onnx_name_quoted ', { nodes: bytesField(1, [...textField(4, 'Abs'), ...textField(3, 'a"b')]) }],
    [`error onnx_name_unusable input ${'x'.repeat(64)}`, { inputs: port(11, 'x'.repeat(65), float4) }],
  ])('%s', (expected, parts) => {
    expect(findings(parts)).toEqual([expected])
  })

  test('an operator of version 6 that the library has from 7 on', () => {
    expect(findings({ nodes: node('Add'), opsets: opset(6) })).toEqual([
      'warning onnx_opset_old ai.onnx 6: promised from 7',
      'error onnx_operator_old Add: version 6, the oldest is 7',
    ])
  })

  test('an operator of its own that a function of the file explains is no foreign one', () => {
    const own = bytesField(25, [...textField(1, 'Own'), ...textField(10, 'my.own')])
    expect(findings({ nodes: node('Own', 'my.own'), rest: own })).toEqual([])
  })

  test('a file of a few hundred bytes that asks for gigabytes', () => {
    const graph = new GraphBuilder()
    graph.input('x', [1])
    graph.output(graph.node('y', 'ConstantOfShape', [graph.integers('shape', [1 << 15, 1 << 15])]), ['N', 'N'])
    const found = checkGraph(readOnnx(graph.build({ name: 'bomb', producerVersion: '1', docString: '' })))
    expect(found.map(({ code }) => code)).toEqual(['onnx_memory_large'])
  })

  test('the exit code is that of the worst', () => {
    const [error, warning] = [{ nodes: node('Abs', 'my.own') }, { nodes: node('ATen') }].map((parts) =>
      checkGraph(
        readOnnx(
          modelWith([
            ...bytesField(7, [...parts.nodes, ...port(11, 'x', float4), ...port(12, 'y', float4)]),
            ...opset(21),
          ]),
        ),
      ),
    )
    expect([[], warning!, [...warning!, ...error!]].map(findingsExitCode)).toEqual([0, 10, 11])
  })
})
