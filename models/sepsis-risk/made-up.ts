import { syntheticPatients } from '../synthetic/patients.ts'
import { type SeededRandom, seededRandom } from '../synthetic/seeded-random.ts'
import { labelColumn } from './columns.ts'
import type { HourlyRow } from './hourly.ts'
import { contextInputs, sepsisInputs } from './inputs.ts'

/** A made-up stay: nobody's data. Training scores it too, so that its way of computing can be held to the runtime's. */
export interface MadeUpStay {
  readonly name: string
  readonly rows: readonly HourlyRow[]
}

const SEED = 20_200_501
const PATIENTS = 9

/** Made-up patients, every third as a chart has them: with gaps and artefacts. */
export function madeUpStays(): MadeUpStay[] {
  return syntheticPatients(SEED, PATIENTS).map(({ id, rows }, index) => ({
    name: id,
    rows: index % 3 === 2 ? spoiled(rows, index) : rows,
  }))
}

/** Drops values at random and puts artefacts in. */
export function spoiled(rows: readonly HourlyRow[], seed: number): HourlyRow[] {
  const random = seededRandom(seed)
  return rows.map((row) => {
    const values = Object.entries(row.values).flatMap(([name, value]) => {
      const spoilt = contextInputs.includes(name) ? value : spoil(value, random)
      return spoilt === undefined ? [] : [[name, spoilt] as const]
    })
    return { ...row, values: Object.fromEntries(values) }
  })
}

function spoil(value: HourlyRow['values'][string], random: SeededRandom): HourlyRow['values'][string] | undefined {
  const draw = random.uniform()
  if (draw < 0.4) return undefined
  return draw < 0.45 && typeof value.value === 'number' ? { ...value, value: 99_999 } : value
}

/** A stay in the layout of the challenge, with the columns that the model reads. */
export function stayText(rows: readonly HourlyRow[]): string {
  const header = [...sepsisInputs.map(({ column }) => column), labelColumn]
  const lines = rows.map((row) => {
    const cells = sepsisInputs.map(({ name }) => String(row.values[name]?.value ?? 'NaN'))
    return [...cells, row.septic === true ? '1' : '0']
  })
  return `${[header, ...lines].map((cells) => cells.join('|')).join('\n')}\n`
}
