import { calibrateProbability } from '../contract/calibration.ts'
import type { GoldenVectors } from '../contract/schema.ts'
import type { HourlyRow } from './hourly.ts'
import { contextInputs, OBSERVED_HOURS, sepsisInputs } from './inputs.ts'
import { type MadeUpStay, madeUpStays } from './made-up.ts'
import { agreement, calibration } from './weights.ts'

type Vector = GoldenVectors['vectors'][number]

/** Expected probabilities keep so many decimals; the tolerance of the package is wider. */
const DECIMALS = 6
/** A vector this close to the threshold would test rounding, not the model. */
const THRESHOLD_MARGIN = 1e-3

/** Made-up patients, hour by hour, with the probability that the training library itself gives; and refusals. */
export function sepsisRiskGoldenVectors(): GoldenVectors {
  const stays = madeUpStays()
  const vectors = stays.flatMap((stay) =>
    [6, Math.floor(stay.rows.length / 2), stay.rows.length - 1].flatMap((index) => scored(stay, index)),
  )
  const [first] = stays
  return { version: 1, vectors: first === undefined ? vectors : [...vectors, ...refusals(first.rows)] }
}

function scored({ name, rows }: MadeUpStay, index: number): Vector[] {
  const probability = expectedProbability(name, index)
  const { alertAt } = calibration.threshold
  if (probability === undefined || Math.abs(probability - alertAt) < THRESHOLD_MARGIN) return []
  const outputs = { probability: [Number(probability.toFixed(DECIMALS))] }
  return [
    {
      name: `${name} hour ${index}`,
      inputs: inputsAt(rows, index),
      expect: { outputs, alert: probability >= alertAt },
    },
  ]
}

/** What the package must answer at an hour of a made-up stay. Undefined where it must refuse. */
function expectedProbability(name: string, index: number): number | undefined {
  const stay = agreement[name]
  if (stay?.answered[index] !== 1) return undefined
  const before = stay.answered.slice(0, index).filter((answered) => answered === 1).length
  return calibrateProbability(stay.scores[before] ?? Number.NaN, { method: 'platt', ...calibration.platt })
}

function inputsAt(rows: readonly HourlyRow[], index: number): Vector['inputs'] {
  const seen = rows.slice(Math.max(0, index + 1 - OBSERVED_HOURS), index + 1)
  const inputs = sepsisInputs.map(({ name }) => {
    const measured = seen.flatMap((row) => {
      const value = row.values[name]
      return value === undefined ? [] : [{ ...value, ageMinutes: (index - row.hour) * 60 }]
    })
    return [name, contextInputs.includes(name) ? measured.slice(-1) : measured] as const
  })
  return Object.fromEntries(inputs.filter(([, measured]) => measured.length > 0))
}

function refusals(rows: readonly HourlyRow[]): Vector[] {
  const inputs = inputsAt(rows, 6)
  const without = (name: string) => Object.fromEntries(Object.entries(inputs).filter(([input]) => input !== name))
  const essential = sepsisInputs.filter(({ kind }) => kind !== 'measured')
  const missing = essential.map(({ name }): Vector => {
    return { name: `missing ${name}`, inputs: without(name), expect: { refused: 'input_missing', about: name } }
  })
  const stale = essential.map(({ name, unit, maxAgeHours, range }): Vector => {
    const old = [{ value: range.low, unit, ageMinutes: maxAgeHours * 60 + 1 }]
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
