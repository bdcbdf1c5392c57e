import type { DecisionRead, Explanation, InputValue, ReadInput } from '../api/answers.ts'
import { Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { Scrolling } from '../parts/scrolling.tsx'
import { countText, numberText } from '../words/numbers.ts'
import { flagText } from '../words/terms.ts'
import { ageText, momentText } from '../words/times.ts'
import { withUnit } from '../words/units.ts'
import { InputChart } from './input-chart.tsx'
import { byContribution, pointsOf, type TimeWindow, windowOf } from './input-series.ts'

/** Rows of three on a desk. */
const MAX_CHARTS = 6

/** What the model was given: what ran over time as charts, everything as a table. */
interface InputsPanelProps {
  readonly read: DecisionRead
  readonly explanation: Explanation | null
}

export function InputsPanel({ read, explanation }: InputsPanelProps) {
  const { inputs, decision } = read
  if (inputs.length === 0)
    return decision.flags.length === 0 ? null : (
      <Panel title="Flags">
        <Flags flags={decision.flags} />
      </Panel>
    )
  const series = byContribution(
    inputs.filter((input) => pointsOf(input).length > 1),
    explanation,
  )
  const window = windowOf(series)
  const given = inputs.filter(({ sent, used }) => sent.length + used.length > 0)
  const absent = inputs.filter((input) => !given.includes(input))
  return (
    <Panel title="Inputs" aside={<span class="count">{countText(given.length, 'input')} given</span>}>
      {series.length > 0 && window !== undefined && <InputCharts series={series} window={window} />}
      <InputTable inputs={given} series={series.length > 0} decidedAt={decision.decidedAt} />
      {absent.length > 0 && (
        <p class="small">
          Not given ({absent.length}): {absent.map(({ display }) => display).join(', ')}.
        </p>
      )}
      <Flags flags={decision.flags.filter(({ input }) => !inputs.some(({ name }) => name === input))} />
    </Panel>
  )
}

/** The first ones in sight, the others behind a word: the contributions below must not be out of reach. */
function InputCharts({ series, window }: { series: readonly ReadInput[]; window: TimeWindow }) {
  const charts = (some: readonly ReadInput[]) => (
    <div class="input-charts">
      {some.map((input) => (
        <InputChart key={input.name} input={input} window={window} />
      ))}
    </div>
  )
  const rest = series.slice(MAX_CHARTS)
  return (
    <>
      {charts(series.slice(0, MAX_CHARTS))}
      {rest.length > 0 && (
        <details>
          <summary>{countText(rest.length, 'more chart')}, of inputs that contributed less</summary>
          {charts(rest)}
        </details>
      )}
    </>
  )
}

/** With charts above it, the table is for whoever wants the numbers. */
function InputTable({
  inputs,
  series,
  decidedAt,
}: {
  inputs: readonly ReadInput[]
  series: boolean
  decidedAt: string
}) {
  const table = (
    <Scrolling label="Inputs as sent and as used">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Input</th>
            <th scope="col">As used</th>
            <th scope="col">As sent</th>
            <th scope="col">Measured</th>
          </tr>
        </thead>
        <tbody>
          {inputs.map((input) => (
            <InputRow key={input.name} input={input} decidedAt={decidedAt} />
          ))}
        </tbody>
      </table>
    </Scrolling>
  )
  if (!series) return table
  return (
    <details>
      <summary>All inputs as a table</summary>
      {table}
    </details>
  )
}

function InputRow({ input, decidedAt }: { input: ReadInput; decidedAt: string }) {
  const used = input.used.at(-1)
  const sent = input.sent.at(-1)
  const more = input.sent.length - 1
  const at = used?.at ?? sent?.at
  return (
    <tr>
      <th scope="row">
        {input.display}
        {input.flags.map((flag) => (
          <span key={flag} class="sub flag">
            {flagText(flag)}
          </span>
        ))}
      </th>
      <td>{used === undefined ? 'not used' : valueText(used.value, input, input.unit)}</td>
      <td>
        {sent === undefined ? '–' : valueText(sent.value, input, sent.unit)}
        {more > 0 && <span class="sub">the newest of {more + 1}</span>}
      </td>
      <td class="age">
        {at === undefined ? '–' : <span title={momentText(at)}>{ageText(at, Date.parse(decidedAt))}</span>}
      </td>
    </tr>
  )
}

function valueText(value: InputValue, { labels }: ReadInput, unit: string | null): string {
  if (typeof value === 'number') return withUnit(numberText(value), unit)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'string') return labels?.[value] ?? value
  return `${value.dtype} [${value.dims.join(' × ')}]`
}

function Flags({ flags }: { flags: DecisionRead['decision']['flags'] }) {
  if (flags.length === 0) return null
  return (
    <Notice tone="limit">
      <ul>
        {flags.map(({ input, flag, about }) => (
          <li key={`${input} ${flag} ${about}`}>
            {about === undefined ? input : `${about} of ${input}`}: {flagText(flag)}
          </li>
        ))}
      </ul>
    </Notice>
  )
}
