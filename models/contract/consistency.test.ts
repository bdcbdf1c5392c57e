import { describe, expect, it } from 'vitest'
import { verifyContract } from './consistency.ts'
import { ContractError } from './errors.ts'
import { type Contract, contractSchema } from './schema.ts'
import { changed, hourlyContract, spotContract, withInput } from './testkit/contracts.ts'

function aboutOf(contract: Contract): string | undefined {
  try {
    verifyContract(contract)
  } catch (error) {
    if (error instanceof ContractError && error.code === 'contract_inconsistent') return error.about
    throw error
  }
  return 'consistent'
}

type Draft = Record<string, unknown>

/** A contract after a change to its plain JSON, still of the schema. */
function edited(contract: Contract, edit: (draft: Record<string, Draft & Draft[]>) => void): Contract {
  const draft = structuredClone(contract) as unknown as Record<string, Draft & Draft[]>
  edit(draft)
  return contractSchema.parse(draft)
}

const step = (index: number, change: Draft) =>
  edited(hourlyContract, ({ preprocessing }) => Object.assign(preprocessing![index]!, change))
/** Ops over the six hours of three columns, each reading what the one before made; then the tensor. */
const series = (...ops: Draft[]) => {
  const steps = ops.map((op, index) => ({ version: 1, from: `m${index}`, to: `m${index + 1}`, ...op }))
  const observed = { ...hourlyContract.preprocessing[0], to: 'm0' }
  const tensor = { op: 'tensor', version: 1, from: `m${ops.length}`, tensor: 'features' }
  return changed(hourlyContract, { preprocessing: [observed, ...steps, tensor] as Contract['preprocessing'] })
}
const filling = { op: 'fill', values: [84, 37, 1.6] }
const binned = (take: string, inputs: string[]) => {
  const bins = { op: 'bins', version: 1, inputs, minutes: 30, count: 4, take, to: 'm0' }
  const tensor = { op: 'tensor', version: 1, from: 'm0', tensor: 'features' }
  return changed(spotContract, { preprocessing: [bins, tensor] as Contract['preprocessing'] })
}
const explained = (change: Draft) => edited(hourlyContract, ({ explanation }) => Object.assign(explanation!, change))
const output = (index: number, change: Draft) =>
  edited(spotContract, ({ outputs }) => Object.assign(outputs![index]!, change))
const threshold = (change: Draft) => edited(spotContract, (draft) => Object.assign(draft.threshold!, change))
const criterion = (change: Draft) => {
  const made = { reason: 'r', ...change } as Contract['population']['criteria'][number]
  return changed(spotContract, { population: { description: 'd', criteria: [made] } })
}

describe('contracts that hold', () => {
  it.each([
    ['spot', spotContract],
    ['hourly', hourlyContract],
    ['no threshold', changed(spotContract, { threshold: null })],
    ['no explanation', changed(spotContract, { explanation: { method: 'none', reason: 'none given' } })],
    ['equals a code', criterion({ rule: 'equals', input: 'consciousness', value: 'A' })],
    ['counts of codes in spans', binned('count', ['consciousness', 'temperature'])],
    [
      'a stay of any length, its last rows padded',
      changed(series({ op: 'since-first' }, filling, { op: 'difference' }, { op: 'last-rows', rows: 3, beyond: 0 }), {
        explanation: { method: 'none', reason: 'none given' },
      }),
    ],
    ['threshold on a category', threshold({ output: 'band', alertAt: 1, clearBelow: 1 })],
  ])('%s', (_name, contract) => {
    expect(aboutOf(contract)).toBe('consistent')
  })
})

describe('each fault is named', () => {
  const labels = (...values: number[]) => values.map((value) => ({ value, code: `c${value}`, text: 't' }))
  const groups = (...columns: number[][]) =>
    columns.map((list, index) => ({ name: `g${index}`, display: 'A group', columns: list }))

  it.each<[string, Contract]>([
    ['inputs.oxygen', edited(spotContract, ({ inputs }) => inputs!.push(inputs![3]!))],
    ['inputs.temperature.unit', withInput(spotContract, 'temperature', { unit: 'celsius' })],
    ['inputs.temperature.range', withInput(spotContract, 'temperature', { range: { low: 45, high: 45 } })],
    ['inputs.spo2-scale.default', withInput(spotContract, 'spo2-scale', { default: '3' })],
    ['inputs.temperature.change', withInput(spotContract, 'temperature', { change: { perHour: 2, onAbrupt: 'flag' } })],
    [
      'inputs.consciousness.values',
      withInput(spotContract, 'consciousness', { values: ['A', 'A'].map((code) => ({ code, display: code })) }),
    ],
    ['population.criteria.0.input', criterion({ rule: 'at-least', input: 'height', value: 1 })],
    ['population.criteria.0.rule', criterion({ rule: 'at-least', input: 'oxygen', value: 1 })],
    ['population.criteria.0.rule', criterion({ rule: 'at-most', input: 'consciousness', value: 1 })],
    ['population.criteria.0.value', criterion({ rule: 'equals', input: 'age', value: 'A' })],
    ['population.criteria.0.value', criterion({ rule: 'equals', input: 'consciousness', value: true })],
    ['population.criteria.0.value', criterion({ rule: 'equals', input: 'consciousness', value: 'X' })],
    ['population.criteria.0.value', criterion({ rule: 'equals', input: 'oxygen', value: 'true' })],
    ['preprocessing.0.inputs', step(0, { inputs: ['heart-rate', 'temperature', 'height'] })],
    ['preprocessing.0.inputs', step(0, { inputs: ['heart-rate', 'temperature', 'temperature'] })],
    ['preprocessing.1.from', step(1, { from: 'later' })],
    ['preprocessing.1.from', step(1, { from: 'filled' })],
    ['preprocessing.2.to', step(2, { to: 'hours' })],
    ['preprocessing.3.values', step(3, { values: [1, 2] })],
    ['preprocessing.4.low', step(4, { low: [1] })],
    ['preprocessing.4.high', step(4, { high: [1, 2, 3, 4] })],
    ['preprocessing.4.low', step(4, { low: [300, 0, 0] })],
    ['preprocessing.5.mean', step(5, { mean: [] })],
    ['preprocessing.5.sd', step(5, { sd: [1, 1] })],
    ['preprocessing.6.from', step(6, { from: ['scaled', 'nobody'] })],
    ['preprocessing.8.from', step(8, { from: 'nobody' })],
    ['preprocessing.8.missing', step(8, { from: 'hours' })],
    ['preprocessing.8.missing', step(8, { from: 'carried' })],
    [
      'preprocessing.7.from',
      edited(hourlyContract, ({ preprocessing }) => {
        preprocessing![6] = { op: 'last-row', version: 1, from: 'scaled', to: 'row' }
        preprocessing![7] = { op: 'concatenate', version: 1, from: ['row', 'measured'], to: 'now' }
      }),
    ],
    ['preprocessing.9.tensor', edited(hourlyContract, ({ preprocessing }) => preprocessing!.push(preprocessing![8]!))],
    ['preprocessing', edited(hourlyContract, ({ preprocessing }) => preprocessing!.splice(8, 1))],
    // Columns that double with every step: refused before a patient's matrices are made, or the shapes themselves.
    [
      'preprocessing.19.columns',
      edited(hourlyContract, ({ preprocessing }) => {
        const doubling = Array.from({ length: 40 }, (_, index) => ({
          op: 'concatenate' as const,
          version: 1 as const,
          from: index === 0 ? ['filled', 'filled'] : [`d${index - 1}`, `d${index - 1}`],
          to: `d${index}`,
        }))
        preprocessing!.push(...doubling)
      }),
    ],
    [
      'preprocessing.71.cells',
      edited(hourlyContract, ({ preprocessing }) => {
        const wide = Array.from({ length: 10 }, (_, index) => ({
          op: 'concatenate' as const,
          version: 1 as const,
          from: index === 0 ? ['filled', 'filled'] : [`d${index - 1}`, `d${index - 1}`],
          to: `d${index}`,
        }))
        const masks = Array.from({ length: 60 }, (_, index) => ({
          op: 'mask' as const,
          version: 1 as const,
          from: 'd9',
          to: `m${index}`,
        }))
        preprocessing!.push(...wide, ...masks)
      }),
    ],
    ['preprocessing.1.columns', series({ op: 'logarithm', columns: [3], floor: 1 })],
    ['preprocessing.1.columns', series({ op: 'logarithm', columns: [0, 0], floor: 1 })],
    ['preprocessing.1.columns', series({ op: 'select', columns: [0, 3] })],
    ['preprocessing.1.factor', series({ op: 'scale', factor: [1, 2] })],
    ['preprocessing.2.missing', series({ op: 'since-first' })],
    ['preprocessing.2.missing', series({ op: 'rows-since' })],
    // Nothing is missing, but how many rows there are depends on the patient.
    ['preprocessing.3.rows', series({ op: 'since-first' }, filling)],
    ['preprocessing.4.rows', series({ op: 'since-first' }, filling, { op: 'stack', rows: 2, beyond: 0 })],
    ['preprocessing.3.missing', series(filling, { op: 'stack', rows: 2, beyond: null })],
    ['preprocessing.4.missing', series({ op: 'since-first' }, filling, { op: 'last-rows', rows: 2, beyond: null })],
    ['preprocessing.3.missing', series(filling, { op: 'last-rows', rows: 7, beyond: null })],
    // Two cuts may differ in length, though they are of one matrix.
    ['preprocessing.2.from', series({ op: 'since-first' }, { op: 'concatenate', from: ['m0', 'm1'] })],
    [
      'preprocessing.3.from',
      series({ op: 'since-first' }, { op: 'since-first' }, { op: 'concatenate', from: ['m1', 'm2'] }),
    ],
    ['preprocessing.0.take', binned('mean', ['consciousness'])],
    ['preprocessing.0.inputs', binned('latest', ['nobody'])],
    ['preprocessing.0.inputs', binned('latest', ['temperature', 'temperature'])],
    // Even an essential input need not have been measured in a span.
    ['preprocessing.1.missing', binned('latest', ['temperature'])],
    // A window reads each cell once per row that it looks back on.
    [
      'preprocessing.3.cells',
      series(
        { op: 'stack', rows: 200, beyond: 0 },
        { op: 'window', rows: 2, take: 'sum' },
        { op: 'window', rows: 300, take: 'sum' },
      ),
    ],
    // The scale's default does not stand in for a stale one set aside.
    ['preprocessing.1.missing', withInput(spotContract, 'spo2-scale', { onStale: 'treat-as-missing' })],
    ['preprocessing.1.missing', withInput(spotContract, 'temperature', { onMissing: 'allow' })],
    // Even an essential input is not there in every hour.
    [
      'preprocessing.1.missing',
      edited(spotContract, ({ preprocessing }) =>
        Object.assign(preprocessing![0]!, { inputs: ['temperature'], hours: 2 }),
      ),
    ],
    ['outputs.aggregate', edited(spotContract, ({ outputs }) => outputs!.push(outputs![0]!))],
    ['outputs.aggregate.range', output(0, { range: { low: 1, high: 0 } })],
    ['outputs.band.labels.value', output(1, { labels: labels(1, 1) })],
    ['outputs.band.labels.code', output(1, { labels: labels(1, 2).map((label) => ({ ...label, code: 'same' })) })],
    ['outputs.points.of', output(2, { of: ['oxygen', 'oxygen'] })],
    ['calibration.slope', changed(hourlyContract, { calibration: { method: 'platt', slope: -1, intercept: 0 } })],
    ['calibration.slope', changed(hourlyContract, { calibration: { method: 'platt', slope: 0, intercept: 0 } })],
    ['calibration.method', changed(spotContract, { calibration: { method: 'platt', slope: 1, intercept: 0 } })],
    ['threshold.output', threshold({ output: 'nobody' })],
    ['threshold.output', threshold({ output: 'points' })],
    ['threshold.clearBelow', threshold({ clearBelow: 6 })],
    ['threshold.alertAt', threshold({ alertAt: 21 })],
    ['threshold.alertAt', threshold({ alertAt: -1, clearBelow: -1 })],
    ['threshold.alertAt', threshold({ output: 'band', alertAt: 2, clearBelow: 0 })],
    ['threshold.alertAt', changed(hourlyContract, { threshold: { output: 'risk', alertAt: 1.1, clearBelow: 0 } })],
    ['explanation.output', edited(spotContract, ({ explanation }) => Object.assign(explanation!, { output: 'band' }))],
    ['explanation.total', edited(spotContract, ({ explanation }) => Object.assign(explanation!, { total: 'points' }))],
    ['explanation.total', edited(spotContract, ({ explanation }) => Object.assign(explanation!, { total: 'nobody' }))],
    ['explanation.output', explained({ output: 'nobody' })],
    ['explanation.tensor', explained({ tensor: 'nobody' })],
    ['explanation.tensor', step(8, { from: 'features' })],
    [
      'explanation.tensor',
      edited(hourlyContract, ({ preprocessing }) => preprocessing!.push({ ...preprocessing![8]!, tensor: 'second' })),
    ],
    ['explanation.baseline', explained({ baseline: [0, 0, 0] })],
    [
      'explanation.groups.name',
      explained({ groups: groups([0, 1, 2], [3, 4, 5]).map((group) => ({ ...group, name: 'g' })) }),
    ],
    ['explanation.groups.columns', explained({ groups: groups([0, 1, 2], [3, 4]) })],
    ['explanation.groups.columns', explained({ groups: groups([0, 1, 2], [2, 3, 4, 5]) })],
    ['explanation.groups.columns', explained({ groups: groups([0, 1, 2], [3, 4, 6]) })],
    ['explanation.budgetMs', explained({ budgetMs: 2001 })],
  ])('%s', (about, contract) => {
    expect(aboutOf(contract)).toBe(about)
  })

  it('more than twelve groups, which the schema refuses too', () => {
    const many = groups(...Array.from({ length: 13 }, (_, column) => [column]))
    expect(() => explained({ groups: many })).toThrow()
    expect(
      aboutOf({
        ...hourlyContract,
        explanation: { ...explained({}).explanation, groups: many } as Contract['explanation'],
      }),
    ).toBe('explanation.groups')
  })
})
