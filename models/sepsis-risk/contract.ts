import type { Contract, InputSpec } from '../contract/schema.ts'
import { columnsOf, featureColumns, sepsisPreprocessing } from './features.ts'
import { MINIMUM_AGE_YEARS, type SepsisInput, sepsisInputs } from './inputs.ts'
import { calibration, training } from './weights.ts'

type Group = readonly [name: string, display: string, inputs: readonly string[]]

/** What is explained together: values that say the same thing, with how old they are and how they ran. Ten, so that 1,024 rows are enough. */
const groups: readonly Group[] = [
  ['heart-rate', 'Heart rate', ['heart-rate']],
  ['breathing', 'Breathing and oxygen', ['respiratory-rate', 'spo2', 'inspired-oxygen']],
  ['temperature', 'Temperature', ['temperature']],
  ['blood-pressure', 'Blood pressure', ['systolic-pressure', 'mean-pressure', 'diastolic-pressure']],
  ['acid-base', 'Acid-base and lactate', ['ph', 'paco2', 'lactate']],
  ['kidney-function', 'Kidney function', ['creatinine', 'urea-nitrogen', 'potassium', 'phosphate']],
  ['blood-count', 'Blood count and clotting', ['white-cells', 'haemoglobin', 'platelets', 'aptt']],
  [
    'other-chemistry',
    'Liver, heart muscle, minerals, glucose',
    ['ast', 'bilirubin', 'troponin-i', 'magnesium', 'calcium', 'glucose'],
  ],
  ['age', 'Age', ['age']],
  ['time-in-hospital', 'Time in hospital', ['icu-hours', 'hospital-to-icu-hours']],
]

/** Hourly data: after an hour there is newer. */
const VALIDITY_MINUTES = 60
/** Where the trees cannot be walked and 1,024 rows go through the model: tens of milliseconds, more on a busy device. */
const EXPLANATION_BUDGET_MS = 500

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
  preprocessing: [...sepsisPreprocessing],
  outputs: [
    {
      role: 'probability',
      name: 'probability',
      display: 'Probability of sepsis within six hours',
      tensor: 'probability',
      unit: '1',
    },
  ],
  calibration: { method: 'platt', ...calibration.platt },
  threshold: { output: 'probability', ...calibration.threshold },
  explanation: {
    method: 'exact-shapley',
    output: 'probability',
    tensor: 'features',
    groups: groups.map(([name, display, inputs]) => ({ name, display, columns: columnsOf(inputs) })),
    baseline: featureColumns.map((column) => training.baseline[column] ?? Number.NaN),
    budgetMs: EXPLANATION_BUDGET_MS,
  },
  validityMinutes: VALIDITY_MINUTES,
  deadlineMs: 2000,
}

/** The vital signs that say most, age and times are essential; the model was made with everything else missing. */
function inputSpec(input: SepsisInput): InputSpec {
  const mayBeMissing = input.kind === 'measured'
  const isContext = input.kind === 'context'
  return {
    kind: 'quantity',
    name: input.name,
    display: input.display,
    codes: input.loinc.map((code) => ({ system: 'LOINC', code })),
    series: !isContext,
    onMissing: mayBeMissing ? 'allow' : 'refuse',
    maxAgeMinutes: input.maxAgeHours * 60,
    onStale: mayBeMissing ? 'treat-as-missing' : 'refuse',
    unit: input.unit,
    ...(input.molarMass === undefined ? {} : { molarMass: input.molarMass }),
    ...(input.valence === undefined ? {} : { valence: input.valence }),
    range: { ...input.range },
    // One artefact in a day of values must not silence the day: the last plausible value counts, if it is recent.
    onImplausible: isContext ? 'refuse' : 'treat-as-missing',
  }
}
