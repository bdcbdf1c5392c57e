import { sepsisInputs } from './inputs.ts'

/**
 * Columns of the PhysioNet/CinC Challenge 2019 files that this model reads, as contract input and UCUM unit. The units
 * are those the values are measured in: lactate is charted in mmol/L although the challenge's own table says mg/dL.
 */
export interface ChallengeColumn {
  readonly input: string
  readonly unit: string
}

export const challengeColumns: Readonly<Record<string, ChallengeColumn>> = Object.fromEntries(
  sepsisInputs.map(({ column, name, unit }) => [column, { input: name, unit }]),
)

/** 1 from six hours before the onset of sepsis to the end of the file. */
export const labelColumn = 'SepsisLabel'
/** 0 female, 1 male. The model does not read it; its figures are given by it. */
export const sexColumn = 'Gender'
