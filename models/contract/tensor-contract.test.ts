import { describe, expect, test } from 'vitest'
import { contractTensors, verifyContract } from './consistency.ts'
import { ContractError } from './errors.ts'
import { verifyGoldenVectors } from './golden.ts'
import { guard } from './guard.ts'
import { postprocess } from './postprocess.ts'
import { preprocess } from './preprocess.ts'
import { type Contract, contractSchema } from './schema.ts'
import type { Tensor } from './tensor.ts'

const NOW_MS = Date.UTC(2030, 0, 1)
const input = {
  ...{ kind: 'tensor', name: 'x', display: 'X', codes: [], series: false, onMissing: 'refuse', maxAgeMinutes: 60 },
  ...{ onStale: 'refuse', dtype: 'int32', dims: [{ max: 2 }, 2], onImplausible: 'flag', onNotFinite: 'refuse' },
  range: { low: 0, high: 9 },
}
const output = {
  role: 'tensor',
  name: 'y',
  display: 'Y',
  tensor: 'out',
  unit: '1',
  dtype: 'float32',
  dims: [{ max: 2 }, 2],
}
const draft = {
  inputs: [input],
  population: { description: 'Anyone', criteria: [] },
  preprocessing: [{ op: 'pass', version: 1, input: 'x', tensor: 'in' }],
  outputs: [output],
  calibration: { method: 'none' },
  threshold: null,
  explanation: { method: 'none', reason: 'A sample' },
  validityMinutes: 60,
  deadlineMs: 1000,
}
const contract = (changes: Readonly<Record<string, unknown>> = {}): Contract =>
  contractSchema.parse({ ...draft, ...changes })
const withInput = (changes: Readonly<Record<string, unknown>>) => contract({ inputs: [{ ...input, ...changes }] })

const aboutOf = (of: Contract): string | undefined => {
  try {
    verifyContract(of)
    return 'holds'
  } catch (error) {
    if (error instanceof ContractError) return error.about
    throw error
  }
}
const out = (data: Tensor['data'], dims: readonly number[], dtype: Tensor['dtype'] = 'float32') => ({
  out: { dtype, dims, data },
})

describe('a contract of raw tensors', () => {
  test('holds, and says what it feeds', () => {
    expect(aboutOf(contract())).toBe('holds')
    expect([...contractTensors(contract())]).toEqual([['in', { dtype: 'int32', dims: [{ max: 2 }, 2] }]])
  })

  test.each<[string, Contract]>([
    ['inputs.x.series', withInput({ series: true })],
    ['inputs.x.range', withInput({ range: { low: 1, high: 1 } })],
    ['inputs.x.onNotFinite', withInput({ onNotFinite: 'allow' })],
    ['inputs.x.dims', withInput({ dims: [{ max: 4096 }, 4097] })],
    ['preprocessing.0.input', withInput({ onMissing: 'allow' })],
    ['preprocessing.0.input', contract({ preprocessing: [{ op: 'pass', version: 1, input: 'z', tensor: 'in' }] })],
    ['preprocessing.1.tensor', contract({ preprocessing: [draft.preprocessing[0], draft.preprocessing[0]] })],
    [
      'preprocessing.0.inputs',
      contract({ preprocessing: [{ op: 'observe', version: 1, inputs: ['x'], hours: 1, to: 'm' }] }),
    ],
    [
      'population.criteria.0.rule',
      contract({
        population: { description: 'A', criteria: [{ rule: 'at-least', input: 'x', value: 1, reason: 'r' }] },
      }),
    ],
    ['outputs.y.dims', contract({ outputs: [{ ...output, dims: [65_537] }] })],
    ['threshold.output', contract({ threshold: { output: 'y', alertAt: 1, clearBelow: 1 } })],
  ])('%s is named', (about, of) => {
    expect(aboutOf(of)).toBe(about)
  })
})

describe('from what was sent to what is said', () => {
  const send = (value: object, of = contract(), atMs = NOW_MS) =>
    guard({ x: [{ value: value as never, atMs }] }, of, NOW_MS)

  test('the tensor is passed on, as it was sent', () => {
    const guarded = send({ dims: [1, 2], data: [3, 4] })
    expect(preprocess(guarded, contract(), NOW_MS)).toEqual({
      in: { dtype: 'int32', dims: [1, 2], data: Int32Array.of(3, 4) },
    })
    expect(guarded.flags).toEqual([])
  })

  test('the guards are those of any other input', () => {
    expect(send({ dims: [1, 2], data: [3, 44] }).flags).toEqual([{ input: 'x', flag: 'implausible' }])
    const refuses = (code: string, run: () => unknown) =>
      expect(run).toThrow(expect.objectContaining({ code, about: 'x' }))
    refuses('input_out_of_range', () => send({ dims: [1, 2], data: [3, 44] }, withInput({ onImplausible: 'refuse' })))
    refuses('input_missing', () =>
      send({ dims: [1, 2], data: [3, 44] }, withInput({ onImplausible: 'treat-as-missing' })),
    )
    refuses('input_stale', () => send({ dims: [1, 2], data: [3, 4] }, contract(), NOW_MS - 61 * 60_000))
    refuses('input_missing', () => guard({}, contract(), NOW_MS))
    refuses('input_wrong_type', () => guard({ x: [{ value: 3, atMs: NOW_MS }] }, contract(), NOW_MS))
  })

  test('the values of the model come with their dimensions', () => {
    const { outputs, alert } = postprocess(out(Float32Array.of(1, -0), [1, 2]), contract())
    expect(outputs.y).toEqual({ role: 'tensor', display: 'Y', unit: '1', values: [1, 0], label: null, dims: [1, 2] })
    expect(alert).toBe(false)
  })

  test.each<[string, Record<string, Tensor>]>([
    ['another type', out(Float64Array.of(1, 2), [1, 2], 'float64')],
    ['more rows than agreed', out(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2])],
    ['no rows', out(new Float32Array(0), [0, 2])],
    ['one dimension less', out(Float32Array.of(1, 2), [2])],
    ['dimensions that are not those of its data', out(Float32Array.of(1, 2, 3), [1, 2])],
    ['a number that JSON cannot say', out(Float32Array.of(1, Number.NaN), [1, 2])],
    ['nothing', {}],
  ])('%s is the fault of the model', (_, raw) => {
    expect(() => postprocess(raw, contract())).toThrow(
      expect.objectContaining({ code: 'contract_output_invalid', about: 'y' }),
    )
  })

  test('golden vectors have as many values as the dimensions allow', () => {
    const vectors = (values: number[]) => ({
      version: 1 as const,
      vectors: [
        {
          name: 'v',
          inputs: { x: [{ value: { dims: [1, 2], data: [1, 2] }, ageMinutes: 0 }] },
          expect: { outputs: { y: values }, alert: false },
        },
      ],
    })
    expect(() => verifyGoldenVectors(vectors([1, 2]), contract())).not.toThrow()
    expect(() => verifyGoldenVectors(vectors([1, 2, 3, 4, 5]), contract())).toThrow(ContractError)
  })
})
