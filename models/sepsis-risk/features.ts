import type { PreprocessingOp } from '../contract/schema.ts'
import {
  contextInputs,
  MINIMUM_AGE_YEARS,
  OBSERVED_HOURS,
  SEPSIS_RISK_VERSION,
  sepsisInputs,
  seriesInputs,
  vitalInputs,
} from './inputs.ts'

type Take = Extract<PreprocessingOp, { op: 'bins' }>['take']

/** Feature columns that lie side by side: one of what `name` says for every input. */
interface FeatureBlock {
  /** Name of the matrix, and the end of its columns' names. */
  readonly name: string
  readonly inputs: readonly string[]
  /** What stands for "not measured": for values less than any value, so that a tree can tell it apart. */
  readonly missing: number
  readonly steps: readonly PreprocessingOp[]
}

const NOT_MEASURED = -1

const blocks: readonly FeatureBlock[] = [
  spanned('latest', seriesInputs, 'latest', OBSERVED_HOURS),
  {
    name: 'hours-since',
    inputs: seriesInputs,
    missing: OBSERVED_HOURS,
    steps: [
      { op: 'observe', version: 1, inputs: [...seriesInputs], hours: OBSERVED_HOURS, to: 'hourly' },
      { op: 'rows-since', version: 1, from: 'hourly', to: 'since' },
      { op: 'last-row', version: 1, from: 'since', to: 'hours-since' },
    ],
  },
  ...(['mean', 'minimum', 'maximum'] as const).map((take) => spanned(`${take}-6`, vitalInputs, take, 6)),
  {
    name: 'context',
    inputs: contextInputs,
    missing: NOT_MEASURED,
    steps: [{ op: 'observe', version: 1, inputs: [...contextInputs], hours: 1, to: 'context' }],
  },
]

/** The columns of the tensor `features`, as `input latest`, `input hours-since` and so on. */
export const featureColumns: readonly string[] = blocks.flatMap(({ name, inputs }) =>
  inputs.map((input) => `${input} ${name}`),
)

/** From guarded inputs to the tensor, in the contract's own steps. Nothing in them was learnt from data. */
export const sepsisPreprocessing: readonly PreprocessingOp[] = [
  ...blocks.flatMap(({ steps }) => steps),
  { op: 'concatenate', version: 1, from: blocks.map(({ name }) => name), to: 'joined' },
  {
    op: 'fill',
    version: 1,
    from: 'joined',
    to: 'filled',
    values: blocks.flatMap(({ inputs, missing }) => inputs.map(() => missing)),
  },
  { op: 'tensor', version: 1, from: 'filled', tensor: 'features' },
]

/** The feature columns made of these inputs. */
export function columnsOf(inputs: readonly string[]): number[] {
  return featureColumns.flatMap((column, index) => (inputs.includes(column.split(' ')[0] ?? '') ? [index] : []))
}

/** Where the latest value of an input stands. */
export function latestColumn(input: string): number {
  const context = contextInputs.includes(input)
  return featureColumns.indexOf(`${input} ${context ? 'context' : 'latest'}`)
}

/** What training reads beside the steps: where each input stands in the files and when the guards take it. */
export function trainingSpec(): object {
  const inputs = sepsisInputs.map(({ name, kind, column, range, maxAgeHours }) => {
    return { name, kind, column, range, maxAgeHours }
  })
  return {
    version: SEPSIS_RISK_VERSION,
    minimumAge: MINIMUM_AGE_YEARS,
    inputs,
    preprocessing: sepsisPreprocessing,
    columns: featureColumns,
  }
}

/** One value for the last `hours` hours together. */
function spanned(name: string, inputs: readonly string[], take: Take, hours: number): FeatureBlock {
  const step: PreprocessingOp = {
    op: 'bins',
    version: 1,
    inputs: [...inputs],
    minutes: 60 * hours,
    count: 1,
    take,
    to: name,
  }
  return { name, inputs, missing: NOT_MEASURED, steps: [step] }
}
