import type { GoldenVectors } from '../contract/schema.ts'
import { syntheticPatients } from '../synthetic/patients.ts'
import type { HourlyRow } from './hourly.ts'
import { contextInputs, OBSERVED_HOURS, sepsisInputs } from './inputs.ts'
import { networkProbability } from './network.ts'
import { featureRow, latestValues } from './training/dataset.ts'
import { columnScales } from './training/fit.ts'
import { calibrated } from './training/metrics.ts'
import { sepsisWeights } from './weights.ts'

type Vector = GoldenVectors['vectors'][number]

const SEED = 20_200_501
const PATIENTS = 9
/** Expected probabilities keep so many decimals; the tolerance of the package is wider. */
const DECIMALS = 6
/** A vector this close to the threshold would test rounding, not the model. */
const THRESHOLD_MARGIN = 1e-3

/** Synthetic patients, hour by hour, with the probability that the reference implementation gives; and refusals. */
export function sepsisRiskGoldenVectors(): GoldenVectors {
  const patients = syntheticPatients(SEED, PATIENTS)
  const vectors = patients.flatMap(({ id, rows }) =>
    [6, Math.floor(rows.length / 2), rows.length - 1].flatMap((index) => scored(`${id} hour ${index}`, rows, index)),
  )
  const [first] = patients
  return { version: 1, vectors: first === undefined ? vectors : [...vectors, ...refusals(first.rows)] }
}

function scored(name: string, rows: readonly HourlyRow[], index: number): Vector[] {
  const probability = referenceProbability(rows, index)
  const { alertAt } = sepsisWeights.threshold
  if (probability === undefined || Math.abs(probability - alertAt) < THRESHOLD_MARGIN) return []
  const outputs = { probability: [Number(probability.toFixed(DECIMALS))] }
  return [{ name, inputs: inputsAt(rows, index), expect: { outputs, alert: probability >= alertAt } }]
}

/** What the package must answer at row `index`, by the arithmetic of the training. Undefined where it must refuse. */
export function referenceProbability(rows: readonly HourlyRow[], index: number): number | undefined {
  const values = latestValues(rows.slice(0, index + 1)).at(-1)?.values
  if (values === undefined) return undefined
  const fill = sepsisInputs.map((input) => sepsisWeights.fill[input.name] ?? 0)
  return calibrated(
    networkProbability(sepsisWeights.network, featureRow(values, fill), columnScales),
    sepsisWeights.platt,
  )
}

function inputsAt(rows: readonly HourlyRow[], index: number): Vector['inputs'] {
  const seen = rows.slice(Math.max(0, index + 1 - OBSERVED_HOURS), index + 1)
  const inputs = sepsisInputs.map(({ name }) => {
    const measured = seen.flatMap((row) => {
      const value = row.values[name]
      return value === undefined ? [] : [{ ...value, ageMinutes: (index - row.hour) * 60 }]
    })
    return [name, isContext(name) ? measured.slice(-1) : measured] as const
  })
  return Object.fromEntries(inputs.filter(([, measured]) => measured.length > 0))
}

function isContext(name: string): boolean {
  return contextInputs.some((input) => input.name === name)
}

function refusals(rows: readonly HourlyRow[]): Vector[] {
  const inputs = inputsAt(rows, 6)
  const without = (name: string) => Object.fromEntries(Object.entries(inputs).filter(([input]) => input !== name))
  const essential = sepsisInputs.filter((input) => input.kind !== 'lab')
  const missing = essential.map(({ name }): Vector => {
    return { name: `missing ${name}`, inputs: without(name), expect: { refused: 'input_missing', about: name } }
  })
  const stale = essential.map(({ name, unit, maxAgeHours, clip }): Vector => {
    const old = [{ value: clip.low, unit, ageMinutes: maxAgeHours * 60 + 1 }]
    return {
      name: `stale ${name}`,
      inputs: { ...inputs, [name]: old },
      expect: { refused: 'input_stale', about: name },
    }
  })
  const young = [{ value: 17, unit: 'a', ageMinutes: 0 }]
  return [
    ...missing,
    ...stale,
    { name: 'age 17', inputs: { ...inputs, age: young }, expect: { refused: 'population_excluded' } },
  ]
}
