import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ContractError } from './errors.ts'
import { runOutputOps } from './output-ops/output-ops.ts'
import { outputRows, postprocess } from './postprocess.ts'
import type { Tensor, Tensors } from './tensor.ts'
import { changed, hourlyContract, spotContract } from './testkit/contracts.ts'

function floats(...values: number[]): Tensor {
  return { dtype: 'float32', dims: [1, values.length], data: Float32Array.from(values) }
}

const said = { aggregate: floats(7), band: floats(1), points: floats(3, 2, 2, 0) }

function aboutOf(raw: Tensors, contract = spotContract): string | undefined {
  try {
    postprocess(raw, contract)
  } catch (error) {
    if (error instanceof ContractError && error.code === 'contract_output_invalid') return error.about
    throw error
  }
  return 'accepted'
}

const uncalibrated = changed(hourlyContract, { calibration: { method: 'none' } })
const risk = (value: number, contract = uncalibrated) =>
  postprocess({ probability: floats(value) }, contract).outputs.risk?.values[0]

describe('hysteresis', () => {
  const contract = changed(hourlyContract, {
    calibration: { method: 'none' },
    threshold: { output: 'risk', alertAt: 0.5, clearBelow: 0.3 },
  })
  const alertAt = (probability: number, stands?: () => boolean) =>
    postprocess({ probability: floats(probability) }, contract, stands).alert

  it('an alert that stands is cleared only below clearBelow; none begins below alertAt', () => {
    expect([0.5, 0.49, 0.3, 0.29].map((value) => alertAt(value, () => true))).toEqual([true, true, true, false])
    expect([0.5, 0.49, 0.3, 0.29].map((value) => alertAt(value, () => false))).toEqual([true, false, false, false])
    expect(alertAt(0.4)).toBe(false)
  })

  it('what stood before is asked for only where it decides', () => {
    const asked: number[] = []
    for (const value of [0, 0.29, 0.3, 0.49, 0.5, 1])
      alertAt(value, () => {
        asked.push(value)
        return true
      })
    expect(asked).toEqual([0.3, 0.49])
  })
})

describe('what the model says, in words', () => {
  it('score, category and contributions', () => {
    expect(postprocess(said, spotContract)).toEqual({
      outputs: {
        aggregate: { role: 'score', display: 'Aggregate', unit: '{score}', values: [7], label: null },
        band: { role: 'category', display: 'Band', unit: '1', values: [1], label: { code: 'high', text: 'High' } },
        points: { role: 'contributions', display: 'Points', unit: '{score}', values: [3, 2, 2, 0], label: null },
      },
      threshold: { output: 'aggregate', alertAt: 5, clearBelow: 4 },
      alert: true,
    })
  })

  it.each<[string, Tensor]>([
    ['int64', { dtype: 'int64', dims: [1], data: BigInt64Array.of(1n) }],
    ['bool', { dtype: 'bool', dims: [1, 1, 1], data: Uint8Array.of(1) }],
    ['a scalar', { dtype: 'float32', dims: [], data: Float32Array.of(1) }],
  ])('%s is read alike', (_type, tensor) => {
    const { outputs } = postprocess({ ...said, aggregate: tensor, band: tensor }, spotContract)
    expect(outputs.aggregate?.values).toEqual([1])
    expect(outputs.band?.label?.code).toBe('high')
  })

  it('a score is rounded as the contract says; the ends of its range count as float32', () => {
    const [score, ...rest] = spotContract.outputs
    // As float32 the lower end falls below the decimal, the upper end above it.
    const contract = changed(spotContract, {
      outputs: [{ ...score!, role: 'score', range: { low: 0.7, high: 0.8 }, decimals: 2 }, ...rest],
      threshold: { output: 'aggregate', alertAt: 0.8, clearBelow: 0.7 },
    })
    const read = (value: number) => postprocess({ ...said, aggregate: floats(value) }, contract)
    expect(read(0.7)).toMatchObject({ outputs: { aggregate: { values: [0.7] } }, alert: false })
    expect(read(0.744999)).toMatchObject({ outputs: { aggregate: { values: [0.74] } }, alert: false })
    expect(read(0.8)).toMatchObject({ outputs: { aggregate: { values: [0.8] } }, alert: true })
    expect(aboutOf({ ...said, aggregate: floats(0.8000002) }, contract)).toBe('aggregate')
    expect(aboutOf({ ...said, aggregate: floats(0.6999998) }, contract)).toBe('aggregate')
  })
})

describe('what the contract forbids', () => {
  const nan = floats(Number.NaN)
  it.each<[string, Tensors]>([
    ['aggregate', { band: floats(1), points: floats(0, 0, 0, 0) }],
    ['aggregate', { ...said, aggregate: nan }],
    ['aggregate', { ...said, aggregate: floats(Number.POSITIVE_INFINITY) }],
    ['aggregate', { ...said, aggregate: floats(-1) }],
    ['aggregate', { ...said, aggregate: floats(21) }],
    ['aggregate', { ...said, aggregate: floats(1, 1) }],
    ['aggregate', { ...said, aggregate: floats() }],
    ['aggregate', { ...said, aggregate: { dtype: 'float32', dims: [2], data: Float32Array.of(1) } }],
    ['aggregate', { ...said, aggregate: { dtype: 'int64', dims: [1], data: BigInt64Array.of(2n ** 60n) } }],
    ['points', { ...said, points: { dtype: 'int64', dims: [4], data: BigInt64Array.of(1n, 0n, 0n, 2n ** 60n) } }],
    ['band', { ...said, band: floats(2) }],
    ['band', { ...said, band: floats(0.5) }],
    ['band', { ...said, band: nan }],
    ['points', { ...said, points: floats(1, 2, 3) }],
    ['points', { ...said, points: floats(1, 2, 3, 4, 5) }],
    ['points', { ...said, points: floats(1, 2, 3, Number.NEGATIVE_INFINITY) }],
  ])('%s', (output, raw) => {
    expect(aboutOf(raw)).toBe(output)
  })

  it('a tensor is not found on the prototype', () => {
    const [score, ...rest] = spotContract.outputs
    const contract = changed(spotContract, {
      outputs: [{ ...score!, tensor: 'constructor' } as typeof score & object, ...rest],
    })
    expect(aboutOf(said, contract)).toBe('aggregate')
  })
})

describe('probability', () => {
  it('may miss 0 and 1 by a millionth, no more', () => {
    expect(risk(1.0000005)).toBe(1)
    expect(risk(-5e-7)).toBe(0)
    expect(aboutOf({ probability: floats(1.000002) }, hourlyContract)).toBe('risk')
    expect(aboutOf({ probability: floats(-2e-6) }, hourlyContract)).toBe('risk')
    expect(aboutOf({ probability: floats(Number.NaN) }, hourlyContract)).toBe('risk')
  })

  it('alerts at the threshold, as float32 can say it', () => {
    const at = (alertAt: number) => changed(uncalibrated, { threshold: { output: 'risk', alertAt, clearBelow: 0 } })
    const alert = (value: number, alertAt: number) => postprocess({ probability: floats(value) }, at(alertAt)).alert
    expect(alert(0.5, 0.5)).toBe(true)
    expect(alert(0.49999, 0.5)).toBe(false)
    for (const value of [0.1, 0.3, 0.7, 0.9]) expect(alert(value, value)).toBe(true)
    expect(postprocess({ probability: floats(1) }, changed(uncalibrated, { threshold: null })).alert).toBe(false)
  })

  it('is calibrated before it is compared', () => {
    // logit(0.5) = 0, so what is left is the intercept.
    expect(risk(0.5, hourlyContract)).toBeCloseTo(1 / (1 + Math.exp(0.5)), 12)
    expect(postprocess({ probability: floats(0.6) }, hourlyContract).alert).toBe(false)
    expect(postprocess({ probability: floats(0.9) }, hourlyContract).alert).toBe(true)
  })

  it('is calibrated along the points of the contract, in a decision and in each row of a batch', () => {
    const points = [
      { raw: 0.2, calibrated: 0.05 },
      { raw: 0.6, calibrated: 0.45 },
    ]
    const contract = changed(hourlyContract, { calibration: { method: 'isotonic', points } })
    expect(risk(0.4, contract)).toBeCloseTo(0.25, 6)
    const batch: Tensor = { dtype: 'float32', dims: [3, 1], data: Float32Array.of(0, 0.4, 1) }
    const [low, middle, high] = outputRows({ probability: batch }, contract, 'risk', 3)
    expect([low, high]).toEqual([0.05, 0.45])
    expect(middle).toBe(risk(0.4, contract))
  })
})

describe('a segmentation', () => {
  const labels = [
    { value: 0, code: 'background', text: 'Background' },
    { value: 7, code: 'lesion', text: 'Lesion' },
    { value: 2, code: 'organ', text: 'Organ' },
  ]
  const contract = changed(spotContract, {
    outputs: [{ role: 'segmentation', name: 'parts', display: 'Parts', tensor: 'labels', unit: '1', labels }],
    threshold: null,
    explanation: { method: 'none', reason: 'a test' },
  })
  const map = (values: number[], dims = [1, 2, 3]): Tensor => ({ dtype: 'uint8', dims, data: Uint8Array.from(values) })

  it('is counted by label in the order of the contract, and known by the hash of its bytes', () => {
    const values = [0, 2, 2, 0, 2, 0]
    expect(postprocess({ labels: map(values) }, contract).outputs.parts).toEqual({
      role: 'segmentation',
      display: 'Parts',
      unit: '1',
      values: [3, 0, 3],
      label: null,
      dims: [1, 2, 3],
      sha256: createHash('sha256').update(Uint8Array.from(values)).digest('hex'),
    })
  })

  it('is read where it lies, also in the middle of a buffer', () => {
    const data = Uint8Array.of(9, 9, 7, 0, 9).subarray(2, 4)
    const [part, whole] = [{ dtype: 'uint8', dims: [2], data } as const, map([7, 0], [2])]
    expect(postprocess({ labels: part }, contract)).toEqual(postprocess({ labels: whole }, contract))
  })

  it.each<[string, Tensors]>([
    ['a label that is not listed', { labels: map([0, 1, 2, 0, 2, 0]) }],
    ['labels in more than a byte', { labels: { dtype: 'int32', dims: [1], data: Int32Array.of(0) } }],
    ['booleans', { labels: { dtype: 'bool', dims: [1], data: Uint8Array.of(0) } }],
    ['fewer labels than its sizes say', { labels: map([0, 0, 0, 0, 0]) }],
    ['no labels', { labels: map([], [0, 2]) }],
    ['nothing', {}],
  ])('%s: refused', (_what, raw) => {
    expect(aboutOf(raw, contract)).toBe('parts')
  })
})

it('a category is read from what argmax makes of the scores of classes', () => {
  const { band: _, ...rest } = said
  const raw = runOutputOps({ ...rest, scores: floats(-1, 3) }, [
    { op: 'argmax', version: 1, from: 'scores', to: 'band', axis: 1 },
  ])
  expect(postprocess(raw, spotContract).outputs.band).toMatchObject({ values: [1], label: { code: 'high' } })
})

describe('one number per row of a batch', () => {
  const batch = (...data: number[]): Tensors => ({
    aggregate: { dtype: 'float32', dims: [data.length, 1], data: new Float32Array(data) },
  })

  it('is read in order, not rounded', () => {
    expect(outputRows(batch(1, 2.5, 20), spotContract, 'aggregate', 3)).toEqual([1, 2.5, 20])
  })

  it.each<[string, Tensors]>([
    ['a row too few', batch(1, 2)],
    ['a row too many', batch(1, 2, 3, 4)],
    ['a row that is not a number', batch(1, Number.NaN, 3)],
    ['a row out of range', batch(1, 2, 21)],
    ['no such tensor', {}],
  ])('%s: refused', (_what, raw) => {
    expect(() => outputRows(raw, spotContract, 'aggregate', 3)).toThrow(ContractError)
  })

  it('is there only for outputs that are one number', () => {
    expect(() => outputRows(batch(1), spotContract, 'points', 1)).toThrow(ContractError)
    expect(() => outputRows(batch(1), spotContract, 'nobody', 1)).toThrow(ContractError)
  })
})
