import { describe, expect, test } from 'vitest'
import { readFromWorker } from './protocol.ts'
import { isTensors, MAX_OUTPUT_BYTES, MAX_TENSORS } from './tensor-check.ts'

const y = { dtype: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) } as const

test('well-formed tensors of each type pass', () => {
  expect(isTensors({ y }, 8)).toBe(true)
  expect(isTensors({ y: { dtype: 'int64', dims: [], data: BigInt64Array.of(1n) } }, 8)).toBe(true)
  expect(isTensors({ y: { dtype: 'bool', dims: [0, 3], data: new Uint8Array() } }, 0)).toBe(true)
  expect(isTensors({}, 0)).toBe(true)
})

test.each([
  ['no object', 'y'],
  ['null', null],
  ['a null tensor', { y: null }],
  ['fewer values than the dims say', { y: { ...y, dims: [2, 2] } }],
  ['more values than the dims say', { y: { ...y, dims: [1] } }],
  ['a negative dim', { y: { ...y, dims: [-1, -2] } }],
  ['a fractional dim', { y: { ...y, dims: [0.5, 4] } }],
  ['a dim that is no number', { y: { ...y, dims: ['1', 2] } }],
  ['dims that are no list', { y: { ...y, dims: 2 } }],
  ['another type than the data', { y: { ...y, dtype: 'int64' } }],
  ['an unknown type', { y: { ...y, dtype: 'float16', data: Uint16Array.of(1, 2) } }],
  ['a type from the prototype', { y: { ...y, dtype: 'constructor' } }],
  ['text', { y: { dtype: 'string', dims: [1], data: ['a'] } }],
  ['a plain list', { y: { ...y, data: [1, 2] } }],
  ['too many', Object.fromEntries(Array.from({ length: MAX_TENSORS + 1 }, (_, at) => [`y${at}`, y]))],
  ['a name too long', { ['y'.repeat(257)]: y }],
  [
    'too many bytes',
    { y: { dtype: 'bool', dims: [MAX_OUTPUT_BYTES + 1], data: new Uint8Array(MAX_OUTPUT_BYTES + 1) } },
  ],
])('%s is refused', (_, value) => {
  expect(isTensors(value, MAX_OUTPUT_BYTES)).toBe(false)
})

describe('what a worker says', () => {
  const provider = { provider: 'cpu', runtime: 'onnxruntime 1.2.3', threads: 1, nodes: { cpu: 3, cuda: 0, webgpu: 0 } }

  test.each([
    { kind: 'ready', provider },
    { kind: 'load-failed', stage: 'decrypt', code: 'package_decrypt_failed' },
    { kind: 'run-failed', id: 1, reason: 'out-of-memory' },
    { kind: 'run-failed', id: 1, reason: 'output-invalid', about: 'postprocessing.12' },
  ])('$kind is read', (message) => {
    expect(readFromWorker({ message, tensors: {} })).toEqual(message)
    // Only a result has tensors.
    expect(readFromWorker({ message, tensors: { y } })).toBeUndefined()
  })

  test('result is read', () => {
    const outputs = { y }
    expect(readFromWorker({ message: { kind: 'result', id: 1 }, tensors: outputs })).toEqual({
      kind: 'result',
      id: 1,
      outputs,
    })
  })

  test.each([
    {},
    { cmd: 'NODE_HANDLE_ACK' },
    { kind: 'ready' },
    { kind: 'ready', provider: { ...provider, provider: 'other' } },
    { kind: 'ready', provider: { ...provider, runtime: 'Name of a patient' } },
    { kind: 'load-failed', stage: 'decrypt', code: 'Some text of the runtime' },
    { kind: 'load-failed', stage: 'elsewhere', code: 'package_decrypt_failed' },
    { kind: 'result' },
    { kind: 'result', id: '1' },
    { kind: 'run-failed', id: 1, reason: 'a text that quotes an input' },
    { kind: 'run-failed', id: 1, reason: 'output-invalid' },
    { kind: 'run-failed', id: 1, reason: 'output-invalid', about: 'Name of a patient' },
    { kind: 'run-failed', id: 1, reason: 'output-invalid', about: 'postprocessing.100' },
    { kind: 'other', id: 1 },
  ])('%j is not', (message) => {
    expect(readFromWorker({ message, tensors: {} })).toBeUndefined()
  })
})
