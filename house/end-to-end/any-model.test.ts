import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { anyPackage } from '../../models/authoring/testkit/any-package.ts'
import { identityModel } from '../../models/authoring/testkit/identity-model.ts'
import type { Contract } from '../../models/contract/schema.ts'
import {
  type ElementType,
  elementArrays,
  elementTypeNames,
  isBigElement,
  type Tensor,
  tensorNumbers,
} from '../../models/contract/tensor.ts'
import { sendableTensor } from '../../models/contract/tensor-value.ts'
import { readOnnx } from '../../models/onnx/reader.ts'
import { rampTensor } from '../../models/onnx/testkit/ramp-tensor.ts'
import { readTensorProto } from '../../models/onnx/testkit/tensor-proto.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import type { ModelSummary } from '../../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import { sharedData } from '../shared-data.ts'
import { type Appliance, clientFor, makeSite, removeSite, startAppliance } from './appliance.ts'

const lightNames = sharedData === undefined ? [] : ['densenet121', 'resnet50', 'squeezenet']
const light = (file: string) => readFileSync(join(sharedData ?? '', 'models/onnx-light', file))
const official = (name: string) => readTensorProto(light(`light_${name}_output_0.pb`))
const lightInput = (name: string) => rampTensor(readOnnx(light(`light_${name}.onnx`)).inputs[0]!)

const ones: readonly Tensor[] = elementTypeNames.map((dtype) => {
  return { dtype, dims: [1], data: isBigElement(dtype) ? elementArrays[dtype].of(1n) : elementArrays[dtype].of(1) }
})

/** Four numbers instead of one, and NaN where the type has it. */
const upToFour = (contract: Contract): Contract => ({
  ...contract,
  inputs: contract.inputs.map((input) =>
    input.kind === 'tensor'
      ? { ...input, dims: [{ max: 4 }], onNotFinite: input.dtype === 'float64' ? 'allow' : 'refuse' }
      : input,
  ),
  outputs: contract.outputs.map((output) => (output.role === 'tensor' ? { ...output, dims: [{ max: 4 }] } : output)),
})

let site: Site
let appliance: Appliance
let bedside: ApiClient
let clinician: ApiClient

beforeAll(async () => {
  const drafts: PackageDraft[] = [
    anyPackage(identityModel(), 'identity', { inputs: ones, outputs: ones }, upToFour),
    ...lightNames.map((name) =>
      anyPackage(light(`light_${name}.onnx`), name, { inputs: [lightInput(name)], outputs: [official(name)] }),
    ),
  ]
  site = await makeSite(drafts)
  appliance = await startAppliance(site)
  bedside = clientFor('bedside', site, appliance.url)
  clinician = clientFor('clinician', site, appliance.url)
}, 90_000)

afterAll(async () => {
  bedside?.close()
  clinician?.close()
  await appliance?.stop()
  if (site) removeSite(site)
})

async function decide(model: string, inputs: Readonly<Record<string, unknown>>) {
  const sent = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, { value }]))
  const { status, body } = await bedside.post('/v1/decisions', { model, subject: 'example-0001', inputs: sent })
  return { status, ...(body as DecisionAnswer & { error?: { code: string; about?: string } }) }
}

const one = (dtype: ElementType) => (dtype === 'bool' ? true : 1)
const each = (changes: Readonly<Record<string, unknown>> = {}) => ({
  ...Object.fromEntries(elementTypeNames.map((dtype) => [`in-${dtype}`, { dims: [1], data: [one(dtype)] }])),
  ...changes,
})

describe('a model that nobody here has seen, from the manifest that was drafted for it', () => {
  it('is listed with what its tensors must be', async () => {
    const { models } = (await bedside.get('/v1/models')).body as { models: ModelSummary[] }
    const identity = models.find(({ slot }) => slot === 'identity')
    expect(identity?.state).toBe('active')
    const input = identity?.inputs.find(({ name }) => name === 'in-int16')
    expect(input).toMatchObject({ kind: 'tensor', required: true, tensor: { dtype: 'int16', dims: [{ max: 4 }] } })
  })

  it('says the numbers of every type as they were sent, written out or as base64', async () => {
    const names = elementTypeNames.map((dtype) => `in-${dtype}`)
    const big = { int64: ['-9007199254740991', 7], uint64: [0, '9007199254740991'] } as const
    const least = { int8: -128, uint8: 255, int16: -32768, uint16: 65535, int32: -(2 ** 31), uint32: 2 ** 32 - 1 }
    const data = elementTypeNames.map((dtype) => {
      if (dtype === 'bool') return [true, false]
      if (dtype === 'int64' || dtype === 'uint64') return big[dtype]
      return dtype === 'float32' || dtype === 'float64' ? [0.1, -1e-30] : [least[dtype], 1]
    })
    const written = names.map((name, index) => [name, { dims: [2], data: data[index] }] as const)
    const { decision } = await decide('identity', Object.fromEntries(written))
    const read = (await clinician.get(`/v1/decisions/${decision.decisionId}`)).body as DecisionAnswer
    expect(read.decision).toEqual(decision)
    const values = Object.values(decision.assessment!.outputs).map((output) => output.values)
    const expected = data.map((list) => list.map(Number))
    expected[0] = [Math.fround(0.1), Math.fround(-1e-30)]
    expect(values).toEqual(expected)

    const bytes = names.map((name, index) => {
      const dtype = elementTypeNames[index]!
      const numbers = expected[index]!
      const array = isBigElement(dtype)
        ? elementArrays[dtype].from(numbers.map(BigInt))
        : elementArrays[dtype].from(numbers)
      return [name, sendableTensor({ dtype, dims: [2], data: array })] as const
    })
    const again = (await decide('identity', Object.fromEntries(bytes))).decision
    expect(Object.values(again.assessment!.outputs).map((output) => output.values)).toEqual(expected)
    expect(Object.values(again.assessment!.outputs).map(({ dims }) => dims)).toEqual(data.map(() => [2]))
  })
})

describe.skipIf(sharedData === undefined)('models of others, over the real API', () => {
  it.each(lightNames)('%s gives its official output', async (name) => {
    const { models } = (await bedside.get('/v1/models')).body as { models: ModelSummary[] }
    const { inputs } = models.find(({ slot }) => slot === name)!
    const { status, decision } = await decide(name, { [inputs[0]!.name]: sendableTensor(lightInput(name)) })
    expect(status).toBe(200)
    const [output] = Object.values(decision.assessment!.outputs)
    const expected = official(name)
    expect(output?.dims).toEqual(expected.dims)
    const numbers = tensorNumbers(expected)
    const worst = output!.values.map(
      (value, index) => Math.abs(value - numbers[index]!) - 1e-3 * Math.abs(numbers[index]!),
    )
    expect(Math.max(...worst)).toBeLessThanOrEqual(1e-7)
  })
})

describe('what a tensor may not be', () => {
  it.each<[string, string, unknown]>([
    ['input_shape_wrong', 'in-float32', { dims: [5], data: [1, 2, 3, 4, 5] }],
    ['input_shape_wrong', 'in-float32', { dims: [2], data: [1] }],
    ['input_shape_wrong', 'in-float32', { dims: [2], base64: 'AACAPw==' }],
    ['input_element_invalid', 'in-int8', { dims: [1], data: [128] }],
    ['input_element_invalid', 'in-bool', { dims: [1], data: [1] }],
    ['input_element_invalid', 'in-int64', { dims: [1], data: [2 ** 53] }],
    ['input_not_finite', 'in-float32', { dims: [1], data: ['NaN'] }],
    ['input_wrong_type', 'in-float32', 1],
  ])('%s for %s', async (code, name, value) => {
    const { status, error, decision } = await decide('identity', each({ [name]: value }))
    expect([status, error?.code, error?.about, decision.outcome]).toEqual([422, code, name, 'refused'])
  })

  it('an answer holds no number that JSON cannot say: the model is at fault then', async () => {
    for (const changes of [
      { 'in-int64': { dims: [1], data: ['9007199254740993'] } },
      { 'in-float64': { dims: [1], data: ['NaN'] } },
    ]) {
      const { status, error } = await decide('identity', each(changes))
      expect([status, error?.code]).toEqual([500, 'contract_output_invalid'])
    }
  })
})
