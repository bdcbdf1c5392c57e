/** What the sepsis score reads, in the order of its feature columns. The contract and the training both come from here. */
export interface SepsisInput {
  readonly name: string
  readonly display: string
  readonly kind: 'vital' | 'lab' | 'context'
  readonly unit: string
  readonly molarMass?: number
  readonly loinc: readonly string[]
  /** Physiologically possible, inclusive: what lies outside is an artefact or a wrong unit, and counts as not measured. */
  readonly range: { readonly low: number; readonly high: number }
  /** Where the model saw enough patients; values beyond are limited to it. */
  readonly clip: { readonly low: number; readonly high: number }
  /** Labs and times are skewed: the network reads their logarithm. */
  readonly scale: 'linear' | 'logarithm'
  /** Older than this is stale. */
  readonly maxAgeHours: number
}

/** A lab counts for a day; a row more than 24, so that a value exactly 24 hours old is still seen. */
export const OBSERVED_HOURS = 25

const vital = { kind: 'vital', scale: 'linear', maxAgeHours: 4 } as const
const lab = { kind: 'lab', scale: 'logarithm', maxAgeHours: 24 } as const

export const sepsisInputs: readonly SepsisInput[] = [
  {
    ...vital,
    name: 'heart-rate',
    display: 'Heart rate',
    unit: '/min',
    loinc: ['8867-4'],
    range: { low: 10, high: 350 },
    clip: { low: 35, high: 180 },
  },
  {
    ...vital,
    name: 'spo2',
    display: 'Oxygen saturation by pulse oximetry',
    unit: '%',
    loinc: ['59408-5', '2708-6'],
    range: { low: 20, high: 100 },
    clip: { low: 70, high: 100 },
  },
  {
    ...vital,
    name: 'temperature',
    display: 'Body temperature',
    unit: 'Cel',
    loinc: ['8310-5'],
    range: { low: 20, high: 46 },
    clip: { low: 33, high: 41 },
    // Charted less often than the rest: in an ICU every four to eight hours.
    maxAgeHours: 8,
  },
  {
    ...vital,
    name: 'systolic-pressure',
    display: 'Systolic blood pressure',
    unit: 'mm[Hg]',
    loinc: ['8480-6'],
    range: { low: 20, high: 350 },
    clip: { low: 60, high: 220 },
  },
  {
    ...vital,
    name: 'mean-pressure',
    display: 'Mean arterial pressure',
    unit: 'mm[Hg]',
    loinc: ['8478-0'],
    range: { low: 10, high: 300 },
    clip: { low: 40, high: 150 },
  },
  {
    ...vital,
    name: 'respiratory-rate',
    display: 'Respiratory rate',
    unit: '/min',
    loinc: ['9279-1'],
    range: { low: 1, high: 100 },
    clip: { low: 5, high: 50 },
  },
  {
    ...lab,
    name: 'lactate',
    display: 'Lactate in blood',
    unit: 'mmol/L',
    molarMass: 90.08,
    loinc: ['32693-4', '2524-7'],
    range: { low: 0.05, high: 40 },
    clip: { low: 0.3, high: 15 },
  },
  {
    ...lab,
    name: 'white-cells',
    display: 'Leukocytes in blood',
    unit: '10*3/uL',
    loinc: ['6690-2'],
    range: { low: 0.01, high: 500 },
    clip: { low: 0.5, high: 60 },
  },
  {
    ...lab,
    name: 'creatinine',
    display: 'Creatinine in serum or plasma',
    unit: 'mg/dL',
    molarMass: 113.12,
    loinc: ['2160-0'],
    range: { low: 0.05, high: 50 },
    clip: { low: 0.2, high: 12 },
  },
  {
    ...lab,
    name: 'urea-nitrogen',
    display: 'Urea nitrogen in serum or plasma',
    unit: 'mg/dL',
    // Two nitrogen atoms per molecule of urea.
    molarMass: 28.014,
    loinc: ['3094-0'],
    range: { low: 0.5, high: 400 },
    clip: { low: 3, high: 150 },
  },
  {
    ...lab,
    name: 'platelets',
    display: 'Platelets in blood',
    unit: '10*3/uL',
    loinc: ['777-3'],
    range: { low: 0.5, high: 4000 },
    clip: { low: 10, high: 1000 },
  },
  {
    ...lab,
    name: 'bilirubin',
    display: 'Total bilirubin in serum or plasma',
    unit: 'mg/dL',
    molarMass: 584.66,
    loinc: ['1975-2'],
    range: { low: 0.02, high: 80 },
    clip: { low: 0.1, high: 30 },
  },
  {
    name: 'age',
    display: 'Age',
    kind: 'context',
    unit: 'a',
    loinc: ['30525-0'],
    range: { low: 0, high: 130 },
    clip: { low: 18, high: 100 },
    scale: 'linear',
    maxAgeHours: 8760,
  },
  {
    name: 'icu-hours',
    display: 'Hours since admission to the ICU',
    kind: 'context',
    unit: 'h',
    loinc: [],
    range: { low: 0, high: 20_000 },
    clip: { low: 1, high: 336 },
    scale: 'logarithm',
    maxAgeHours: 1,
  },
]

export const MINIMUM_AGE_YEARS = 18

export const vitalInputs = sepsisInputs.filter((input) => input.kind === 'vital')
export const labInputs = sepsisInputs.filter((input) => input.kind === 'lab')
export const contextInputs = sepsisInputs.filter((input) => input.kind === 'context')

/** Feature columns: the value of every input, then for each lab whether it was measured within its day. */
export const featureColumns: readonly string[] = [
  ...sepsisInputs.map((input) => input.name),
  ...labInputs.map((input) => `${input.name}-measured`),
]
