import type { Contract, InputSpec } from '../contract/schema.ts'
import {
  contextInputs,
  featureColumns,
  labInputs,
  MINIMUM_AGE_YEARS,
  OBSERVED_HOURS,
  type SepsisInput,
  sepsisInputs,
  vitalInputs,
} from './inputs.ts'
import { sepsisWeights } from './weights.ts'

/** What is explained together: values that say the same thing, and a lab with whether it was measured. At most 12. */
const groups: readonly { readonly name: string; readonly display: string; readonly inputs: readonly string[] }[] = [
  { name: 'heart-rate', display: 'Heart rate', inputs: ['heart-rate'] },
  { name: 'spo2', display: 'Oxygen saturation', inputs: ['spo2'] },
  { name: 'temperature', display: 'Temperature', inputs: ['temperature'] },
  { name: 'blood-pressure', display: 'Blood pressure', inputs: ['systolic-pressure', 'mean-pressure'] },
  { name: 'respiratory-rate', display: 'Respiratory rate', inputs: ['respiratory-rate'] },
  { name: 'lactate', display: 'Lactate', inputs: ['lactate', 'lactate-measured'] },
  { name: 'white-cells', display: 'White cells', inputs: ['white-cells', 'white-cells-measured'] },
  {
    name: 'kidney-function',
    display: 'Kidney function',
    inputs: ['creatinine', 'urea-nitrogen', 'creatinine-measured', 'urea-nitrogen-measured'],
  },
  { name: 'platelets', display: 'Platelets', inputs: ['platelets', 'platelets-measured'] },
  { name: 'bilirubin', display: 'Bilirubin', inputs: ['bilirubin', 'bilirubin-measured'] },
  { name: 'age', display: 'Age', inputs: ['age'] },
  { name: 'icu-hours', display: 'Hours in intensive care', inputs: ['icu-hours'] },
]

/** Hourly data: after an hour there is newer. */
const VALIDITY_MINUTES = 60

const names = (inputs: readonly SepsisInput[]) => inputs.map((input) => input.name)
const isMeasured = (column: string) => column.endsWith('-measured')

export const sepsisRiskContract: Contract = {
  inputs: sepsisInputs.map(inputSpec),
  population: {
    description: 'Adults in intensive care.',
    criteria: [
      {
        rule: 'at-least',
        input: 'age',
        value: MINIMUM_AGE_YEARS,
        reason: 'The model was made with patients aged 18 or over.',
      },
    ],
  },
  preprocessing: preprocessing(),
  outputs: [
    {
      role: 'probability',
      name: 'probability',
      display: 'Probability of sepsis within six hours',
      tensor: 'probability',
      unit: '1',
    },
  ],
  calibration: { method: 'platt', ...sepsisWeights.platt },
  threshold: { output: 'probability', ...sepsisWeights.threshold },
  explanation: {
    method: 'exact-shapley',
    output: 'probability',
    tensor: 'features',
    groups: groups.map(({ name, display, inputs }) => ({
      name,
      display,
      columns: inputs.map((input) => featureColumns.indexOf(input)),
    })),
    baseline: [...sepsisWeights.baseline],
    budgetMs: 50,
  },
  validityMinutes: VALIDITY_MINUTES,
  deadlineMs: 2000,
}

/** Vital signs, age and time in the ICU are essential; the model was made with labs missing. */
function inputSpec(input: SepsisInput): InputSpec {
  const isLab = input.kind === 'lab'
  const isContext = input.kind === 'context'
  return {
    kind: 'quantity',
    name: input.name,
    display: input.display,
    codes: input.loinc.map((code) => ({ system: 'LOINC', code })),
    series: !isContext,
    onMissing: isLab ? 'allow' : 'refuse',
    maxAgeMinutes: input.maxAgeHours * 60,
    onStale: isLab ? 'treat-as-missing' : 'refuse',
    unit: input.unit,
    ...(input.molarMass === undefined ? {} : { molarMass: input.molarMass }),
    range: { ...input.range },
    // One artefact in a day of values must not silence the day: the last plausible value counts, if it is recent.
    onImplausible: isContext ? 'refuse' : 'treat-as-missing',
  }
}

function preprocessing(): Contract['preprocessing'] {
  const observed = { op: 'observe', version: 1 } as const
  return [
    { ...observed, inputs: names(vitalInputs), hours: OBSERVED_HOURS, to: 'vitals-hourly' },
    { op: 'carry-forward', version: 1, from: 'vitals-hourly', to: 'vitals-carried' },
    { op: 'last-row', version: 1, from: 'vitals-carried', to: 'vitals-latest' },
    // The guards see to it that essential inputs are there; the constant keeps a tensor complete whatever they do.
    { op: 'fill', version: 1, from: 'vitals-latest', to: 'vitals', values: fills(vitalInputs) },
    { ...observed, inputs: names(labInputs), hours: OBSERVED_HOURS, to: 'labs-hourly' },
    { op: 'carry-forward', version: 1, from: 'labs-hourly', to: 'labs-carried' },
    { op: 'last-row', version: 1, from: 'labs-carried', to: 'labs-latest' },
    { op: 'mask', version: 1, from: 'labs-latest', to: 'labs-measured' },
    { op: 'fill', version: 1, from: 'labs-latest', to: 'labs', values: fills(labInputs) },
    { ...observed, inputs: names(contextInputs), hours: 1, to: 'context' },
    {
      op: 'concatenate',
      version: 1,
      from: ['vitals', 'labs', 'context', 'labs-measured'],
      to: 'joined',
    },
    { op: 'clip', version: 1, from: 'joined', to: 'limited', low: limits('low', 0), high: limits('high', 1) },
    { op: 'tensor', version: 1, from: 'limited', tensor: 'features' },
  ]
}

function fills(inputs: readonly SepsisInput[]): number[] {
  return inputs.map((input) => sepsisWeights.fill[input.name] ?? 0)
}

function limits(end: 'low' | 'high', measured: number): number[] {
  return featureColumns.map((column, at) => (isMeasured(column) ? measured : (sepsisInputs[at]?.clip[end] ?? measured)))
}
