/**
 * Columns of the PhysioNet/CinC Challenge 2019 files that this model reads, as contract input and UCUM unit. The units
 * are those the values are measured in: lactate is charted in mmol/L although the challenge's own table says mg/dL.
 */
export interface ChallengeColumn {
  readonly input: string
  readonly unit: string
}

export const challengeColumns: Readonly<Record<string, ChallengeColumn>> = {
  HR: { input: 'heart-rate', unit: '/min' },
  O2Sat: { input: 'spo2', unit: '%' },
  Temp: { input: 'temperature', unit: 'Cel' },
  SBP: { input: 'systolic-pressure', unit: 'mm[Hg]' },
  MAP: { input: 'mean-pressure', unit: 'mm[Hg]' },
  Resp: { input: 'respiratory-rate', unit: '/min' },
  Lactate: { input: 'lactate', unit: 'mmol/L' },
  WBC: { input: 'white-cells', unit: '10*3/uL' },
  Creatinine: { input: 'creatinine', unit: 'mg/dL' },
  BUN: { input: 'urea-nitrogen', unit: 'mg/dL' },
  Platelets: { input: 'platelets', unit: '10*3/uL' },
  Bilirubin_total: { input: 'bilirubin', unit: 'mg/dL' },
  Age: { input: 'age', unit: 'a' },
  ICULOS: { input: 'icu-hours', unit: 'h' },
}

/** 1 from six hours before the onset of sepsis to the end of the file. */
export const labelColumn = 'SepsisLabel'
