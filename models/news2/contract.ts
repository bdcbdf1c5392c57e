import type { Contract, InputSpec } from '../contract/schema.ts'
import { bands } from './graph.ts'
import { parameters, vitalsColumns } from './table.ts'

/** Observations of a set are taken together; four hours is the shortest ward interval that the RCP gives for a low score. */
const VITALS_MAX_AGE_MINUTES = 240
/** A prescribed oxygen target is reviewed with the drug chart, daily. */
const PRESCRIPTION_MAX_AGE_MINUTES = 24 * 60
const PREGNANCY_MAX_AGE_MINUTES = 30 * 24 * 60
const AGE_MAX_AGE_MINUTES = 365 * 24 * 60
/** The RCP advises observations at least hourly from the band low-medium on: a result is not relied on for longer. */
const VALIDITY_MINUTES = 60

const essential = { series: false, onMissing: 'refuse', onStale: 'refuse' } as const
const vital = { ...essential, maxAgeMinutes: VITALS_MAX_AGE_MINUTES } as const

type Codes = InputSpec['codes']
const loinc = (...codes: string[]): Codes => codes.map((code) => ({ system: 'LOINC', code }))
const mdc = (...codes: string[]): Codes => codes.map((code) => ({ system: 'MDC', code }))

/**
 * Ranges are as wide as living patients have been measured, so that true extremes score and wrong units (a Fahrenheit
 * figure sent as Celsius) are refused. A respiratory rate of 0 is kept: it scores 3 rather than going unscored.
 */
const vitalInputs: InputSpec[] = [
  {
    ...vital,
    kind: 'quantity',
    name: 'respiratory-rate',
    display: 'Respiratory rate',
    codes: [...loinc('9279-1'), ...mdc('151562')],
    unit: '/min',
    range: { low: 0, high: 100 },
    onImplausible: 'refuse',
    decimals: 0,
  },
  {
    ...vital,
    kind: 'quantity',
    name: 'spo2',
    display: 'Oxygen saturation by pulse oximetry',
    codes: [...loinc('59408-5', '2708-6'), ...mdc('150456')],
    unit: '%',
    range: { low: 20, high: 100 },
    onImplausible: 'refuse',
    decimals: 0,
  },
  {
    ...essential,
    onMissing: 'allow',
    maxAgeMinutes: PRESCRIPTION_MAX_AGE_MINUTES,
    kind: 'code',
    name: 'spo2-scale',
    display: 'Prescribed SpO2 scale',
    codes: [],
    values: [
      { code: '1', display: 'Scale 1: target 96 % and above' },
      { code: '2', display: 'Scale 2: prescribed target 88–92 % in hypercapnic respiratory failure' },
    ],
    default: '1',
  },
  {
    ...vital,
    kind: 'code',
    name: 'supplemental-oxygen',
    display: 'Air or supplemental oxygen',
    codes: [],
    values: [
      { code: 'air', display: 'Breathing air, documented as such' },
      { code: 'oxygen', display: 'On supplemental oxygen' },
    ],
  },
  {
    ...vital,
    kind: 'quantity',
    name: 'systolic-pressure',
    display: 'Systolic blood pressure',
    codes: [...loinc('8480-6'), ...mdc('150021', '150017')],
    unit: 'mm[Hg]',
    range: { low: 20, high: 350 },
    onImplausible: 'refuse',
    decimals: 0,
  },
  {
    ...vital,
    kind: 'quantity',
    name: 'heart-rate',
    display: 'Pulse rate',
    codes: [...loinc('8867-4'), ...mdc('147842', '149530')],
    unit: '/min',
    range: { low: 10, high: 350 },
    onImplausible: 'refuse',
    decimals: 0,
  },
  {
    ...vital,
    kind: 'code',
    name: 'consciousness',
    display: 'Consciousness (ACVPU), as observed; never derived from a Glasgow Coma Scale',
    codes: [],
    values: [
      { code: 'A', display: 'Alert' },
      { code: 'C', display: 'New confusion' },
      { code: 'V', display: 'Responds to voice' },
      { code: 'P', display: 'Responds to pain' },
      { code: 'U', display: 'Unresponsive' },
    ],
  },
  {
    ...vital,
    kind: 'quantity',
    name: 'temperature',
    display: 'Body temperature',
    codes: [...loinc('8310-5'), ...mdc('150364')],
    unit: 'Cel',
    range: { low: 13, high: 46.5 },
    onImplausible: 'refuse',
    decimals: 1,
  },
]

const populationInputs: InputSpec[] = [
  {
    ...essential,
    kind: 'quantity',
    name: 'age',
    display: 'Age',
    codes: loinc('30525-0'),
    maxAgeMinutes: AGE_MAX_AGE_MINUTES,
    unit: 'a',
    range: { low: 0, high: 130 },
    onImplausible: 'refuse',
    // Never rounded: nobody turns 16 by rounding.
  },
  {
    ...essential,
    kind: 'boolean',
    name: 'pregnant',
    display: 'Pregnant',
    codes: loinc('82810-3'),
    maxAgeMinutes: PREGNANCY_MAX_AGE_MINUTES,
  },
]

const bandLabels = [
  {
    value: bands.none,
    code: 'none',
    text: 'Score 0. RCP advises to continue routine monitoring, at least every 12 hours.',
  },
  {
    value: bands.low,
    code: 'low',
    text: 'Low, 1–4. RCP advises monitoring at least every 4–6 hours and an assessment by a registered nurse, who decides whether to monitor more often or to escalate.',
  },
  {
    value: bands.lowMedium,
    code: 'low-medium',
    text: 'Low–medium, a single parameter scores 3. RCP advises monitoring at least hourly and an urgent ward-based review.',
  },
  {
    value: bands.medium,
    code: 'medium',
    text: 'Medium, 5–6. RCP advises monitoring at least hourly and an urgent review by a clinician competent in acute illness.',
  },
  {
    value: bands.high,
    code: 'high',
    text: 'High, 7 or more. RCP advises continuous monitoring and an emergency assessment by a team with critical care competencies.',
  },
]

export const news2Contract: Contract = {
  inputs: [...vitalInputs, ...populationInputs],
  population: {
    description: 'Acutely ill patients aged 16 or over who are not pregnant.',
    criteria: [
      {
        rule: 'at-least',
        input: 'age',
        value: 16,
        reason: 'NEWS2 is not to be used under 16 years of age.',
      },
      {
        rule: 'equals',
        input: 'pregnant',
        value: false,
        reason: 'NEWS2 is not to be used in pregnancy.',
      },
    ],
  },
  preprocessing: [
    { op: 'observe', version: 1, inputs: [...vitalsColumns], hours: 1, to: 'latest' },
    { op: 'tensor', version: 1, from: 'latest', tensor: 'vitals' },
  ],
  outputs: [
    {
      role: 'score',
      name: 'aggregate',
      display: 'NEWS2 aggregate score',
      tensor: 'aggregate',
      unit: '{score}',
      range: { low: 0, high: 20 },
      decimals: 0,
    },
    {
      role: 'contributions',
      name: 'points',
      display: 'Points of each parameter',
      tensor: 'points',
      unit: '{score}',
      of: [...parameters],
    },
    {
      role: 'category',
      name: 'single-three',
      display: 'A single parameter scores 3',
      tensor: 'single-three',
      unit: '1',
      labels: [
        { value: 0, code: 'absent', text: 'No parameter scores 3.' },
        { value: 1, code: 'present', text: 'At least one parameter scores 3.' },
      ],
    },
    {
      role: 'category',
      name: 'band',
      display: 'Clinical risk band',
      tensor: 'band',
      unit: '1',
      labels: bandLabels,
    },
  ],
  calibration: { method: 'none' },
  threshold: { output: 'band', alertAt: bands.lowMedium, clearBelow: bands.lowMedium },
  explanation: { method: 'model-output', output: 'points', total: 'aggregate' },
  validityMinutes: VALIDITY_MINUTES,
  deadlineMs: 2000,
}
