/**
 * The scoring table of the National Early Warning Score 2 (Royal College of Physicians, London, 2017, chart 1), as
 * steps. Limits are written half a unit between the published whole numbers (half a tenth for temperature), so that no
 * rounding of a float can move a value to the other side.
 */
export interface StepTable {
  /** Points below the first limit. */
  readonly from: number
  /** Above `over` the points are `points`, until the next limit. */
  readonly steps: readonly { readonly over: number; readonly points: number }[]
}

export const respiratoryRateSteps: StepTable = {
  from: 3,
  steps: [
    { over: 8.5, points: 1 },
    { over: 11.5, points: 0 },
    { over: 20.5, points: 2 },
    { over: 24.5, points: 3 },
  ],
}

/** SpO2 scale 1: everyone who is not on a prescribed scale 2. */
export const oxygenSaturationScale1Steps: StepTable = {
  from: 3,
  steps: [
    { over: 91.5, points: 2 },
    { over: 93.5, points: 1 },
    { over: 95.5, points: 0 },
  ],
}

/** SpO2 scale 2, target 88–92 %: on air, 93 % and above scores 0. */
export const oxygenSaturationScale2AirSteps: StepTable = {
  from: 3,
  steps: [
    { over: 83.5, points: 2 },
    { over: 85.5, points: 1 },
    { over: 87.5, points: 0 },
  ],
}

/** SpO2 scale 2 on oxygen: above the target there is too much of it. */
export const oxygenSaturationScale2OxygenSteps: StepTable = {
  from: 3,
  steps: [
    { over: 83.5, points: 2 },
    { over: 85.5, points: 1 },
    { over: 87.5, points: 0 },
    { over: 92.5, points: 1 },
    { over: 94.5, points: 2 },
    { over: 96.5, points: 3 },
  ],
}

/** Index 0 is air, 1 is oxygen. */
export const supplementalOxygenSteps: StepTable = { from: 0, steps: [{ over: 0.5, points: 2 }] }

export const systolicPressureSteps: StepTable = {
  from: 3,
  steps: [
    { over: 90.5, points: 2 },
    { over: 100.5, points: 1 },
    { over: 110.5, points: 0 },
    { over: 219.5, points: 3 },
  ],
}

export const heartRateSteps: StepTable = {
  from: 3,
  steps: [
    { over: 40.5, points: 1 },
    { over: 50.5, points: 0 },
    { over: 90.5, points: 1 },
    { over: 110.5, points: 2 },
    { over: 130.5, points: 3 },
  ],
}

/** Index 0 is alert; new confusion, voice, pain and unresponsive all score 3. */
export const consciousnessSteps: StepTable = { from: 0, steps: [{ over: 0.5, points: 3 }] }

export const temperatureSteps: StepTable = {
  from: 3,
  steps: [
    { over: 35.05, points: 1 },
    { over: 36.05, points: 0 },
    { over: 38.05, points: 1 },
    { over: 39.05, points: 2 },
  ],
}

/** Columns of the tensor `vitals`, in order. */
export const vitalsColumns = [
  'respiratory-rate',
  'spo2',
  'spo2-scale',
  'supplemental-oxygen',
  'systolic-pressure',
  'heart-rate',
  'consciousness',
  'temperature',
] as const

export type VitalsColumn = (typeof vitalsColumns)[number]

/** The seven parameters that score, in the order of the chart and of the output `points`. */
export const parameters = [
  'respiratory-rate',
  'spo2',
  'supplemental-oxygen',
  'systolic-pressure',
  'heart-rate',
  'consciousness',
  'temperature',
] as const

export type Parameter = (typeof parameters)[number]
