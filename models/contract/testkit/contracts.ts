import type { Observation } from '../guard.ts'
import { type Contract, contractSchema, type InputSpec } from '../schema.ts'

/** Small contracts for tests: made up, never a model's. */

export const NOW_MS = Date.UTC(2024, 0, 15, 12)
const MINUTE_MS = 60_000

type QuantitySpec = Extract<InputSpec, { kind: 'quantity' }>
type QuantityDraft = Pick<QuantitySpec, 'name' | 'unit' | 'range'> & Partial<QuantitySpec>

function quantity(draft: QuantityDraft): InputSpec {
  return {
    kind: 'quantity',
    display: draft.name,
    codes: [],
    series: false,
    onMissing: 'refuse',
    maxAgeMinutes: 60,
    onStale: 'refuse',
    onImplausible: 'refuse',
    ...draft,
  }
}

const spot = { codes: [], series: false, onMissing: 'refuse', maxAgeMinutes: 60, onStale: 'refuse' } as const

/** One observation of each input, codes and booleans among them; a score with what each input gave to it. */
export const spotContract: Contract = contractSchema.parse({
  inputs: [
    quantity({ name: 'respiration-rate', unit: '/min', range: { low: 0, high: 90 }, decimals: 0 }),
    quantity({ name: 'temperature', unit: 'Cel', range: { low: 25, high: 45 }, decimals: 1 }),
    quantity({ name: 'age', unit: 'a', range: { low: 0, high: 130 }, maxAgeMinutes: 525_600 }),
    { ...spot, kind: 'boolean', name: 'oxygen', display: 'On oxygen' },
    { ...spot, kind: 'boolean', name: 'pregnant', display: 'Pregnant' },
    {
      ...spot,
      kind: 'code',
      name: 'consciousness',
      display: 'Level of consciousness',
      values: ['A', 'C', 'V', 'P', 'U'].map((code) => ({ code, display: code })),
    },
    {
      ...spot,
      kind: 'code',
      name: 'spo2-scale',
      display: 'Prescribed scale',
      onMissing: 'allow',
      values: [
        { code: '1', display: 'Scale 1' },
        { code: '2', display: 'Scale 2' },
      ],
      default: '1',
    },
  ],
  population: {
    description: 'Adults who are not pregnant.',
    criteria: [
      { rule: 'at-least', input: 'age', value: 16, reason: 'under 16 years' },
      { rule: 'equals', input: 'pregnant', value: false, reason: 'pregnant' },
    ],
  },
  preprocessing: [
    {
      op: 'observe',
      version: 1,
      inputs: ['respiration-rate', 'temperature', 'oxygen', 'consciousness', 'spo2-scale'],
      hours: 1,
      to: 'latest',
    },
    { op: 'tensor', version: 1, from: 'latest', tensor: 'parameters' },
  ],
  outputs: [
    {
      role: 'score',
      name: 'aggregate',
      display: 'Aggregate',
      tensor: 'aggregate',
      unit: '{score}',
      range: { low: 0, high: 20 },
      decimals: 0,
    },
    {
      role: 'category',
      name: 'band',
      display: 'Band',
      tensor: 'band',
      unit: '1',
      labels: [
        { value: 0, code: 'low', text: 'Low' },
        { value: 1, code: 'high', text: 'High' },
      ],
    },
    {
      role: 'contributions',
      name: 'points',
      display: 'Points',
      tensor: 'points',
      unit: '{score}',
      of: ['respiration-rate', 'temperature', 'oxygen', 'consciousness'],
    },
  ],
  calibration: { method: 'none' },
  threshold: { output: 'aggregate', alertAt: 5, clearBelow: 4 },
  explanation: { method: 'model-output', output: 'points', total: 'aggregate' },
  validityMinutes: 60,
  deadlineMs: 1000,
})

/** Everything that {@link spotContract} needs, measured five minutes before `nowMs`, of an adult within its population. */
export function spotObservations(nowMs = NOW_MS): Record<string, Observation[]> {
  const atMs = nowMs - 5 * MINUTE_MS
  return {
    'respiration-rate': [{ value: 18, unit: '/min', atMs }],
    temperature: [{ value: 37, unit: 'Cel', atMs }],
    age: [{ value: 61, unit: 'a', atMs }],
    oxygen: [{ value: false, atMs }],
    pregnant: [{ value: false, atMs }],
    consciousness: [{ value: 'A', atMs }],
  }
}

const hourly = { series: true, onMissing: 'allow', onStale: 'flag', onImplausible: 'treat-as-missing' } as const
const columns = ['heart-rate', 'temperature', 'lactate']

/** Six hours of hourly columns with gaps, each with its mask; a calibrated probability explained by groups of columns. */
export const hourlyContract: Contract = contractSchema.parse({
  inputs: [
    quantity({ ...hourly, name: 'heart-rate', unit: '/min', range: { low: 10, high: 300 } }),
    quantity({ ...hourly, name: 'temperature', unit: 'Cel', range: { low: 25, high: 45 }, decimals: 1 }),
    quantity({ ...hourly, name: 'lactate', unit: 'mmol/L', range: { low: 0, high: 40 }, molarMass: 90.08 }),
    quantity({ name: 'age', unit: 'a', range: { low: 0, high: 130 }, maxAgeMinutes: 525_600 }),
  ],
  population: {
    description: 'Adults.',
    criteria: [{ rule: 'at-least', input: 'age', value: 18, reason: 'under 18 years' }],
  },
  preprocessing: [
    { op: 'observe', version: 1, inputs: columns, hours: 6, to: 'hours' },
    { op: 'mask', version: 1, from: 'hours', to: 'measured' },
    { op: 'carry-forward', version: 1, from: 'hours', to: 'carried' },
    { op: 'fill', version: 1, from: 'carried', to: 'filled', values: [84, 37, 1.6] },
    { op: 'clip', version: 1, from: 'filled', to: 'limited', low: [30, 30, 0], high: [220, 43, 20] },
    { op: 'standardize', version: 1, from: 'limited', to: 'scaled', mean: [84, 37, 1.6], sd: [16, 0.8, 1.5] },
    { op: 'concatenate', version: 1, from: ['scaled', 'measured'], to: 'features' },
    { op: 'last-row', version: 1, from: 'features', to: 'now' },
    { op: 'tensor', version: 1, from: 'now', tensor: 'features' },
  ],
  outputs: [{ role: 'probability', name: 'risk', display: 'Risk', tensor: 'probability', unit: '1' }],
  calibration: { method: 'platt', slope: 0.8, intercept: -0.5 },
  threshold: { output: 'risk', alertAt: 0.5, clearBelow: 0.4 },
  explanation: {
    method: 'exact-shapley',
    output: 'risk',
    tensor: 'features',
    groups: columns.map((name, index) => ({ name, display: name, columns: [index, index + columns.length] })),
    baseline: [0, 0, 0, 0, 0, 0],
    budgetMs: 500,
  },
  validityMinutes: 120,
  deadlineMs: 2000,
})

/** A contract with some members changed, for a test's one purpose. */
export function changed(contract: Contract, change: Partial<Contract>): Contract {
  return contractSchema.parse({ ...contract, ...change })
}

/** A contract in which one input is changed. */
export function withInput(contract: Contract, name: string, change: Readonly<Record<string, unknown>>): Contract {
  const inputs = contract.inputs.map((input) => (input.name === name ? { ...input, ...change } : input))
  return contractSchema.parse({ ...contract, inputs })
}
