import type { DecisionRead, OutputDrawing, Outputs } from '../api/answers.ts'
import { useNow } from '../page/box.ts'
import { Badge } from '../parts/facts.tsx'
import { Icon } from '../parts/icon.tsx'
import { Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { numberText, percentText } from '../words/numbers.ts'
import { statusText } from '../words/terms.ts'
import { momentText, nearText, spanText } from '../words/times.ts'
import { withUnit } from '../words/units.ts'
import { Scale } from './scale.tsx'

type Output = Outputs[string]
type Threshold = NonNullable<DecisionRead['decision']['assessment']>['threshold']

/** What was said, about whom, and until when it holds. */
export function ResultPanel({ read }: { read: DecisionRead }) {
  const { decision, contract } = read
  const { model, assessment, refusal, subjectPseudonym, validUntil } = decision
  const now = useNow()
  const isOver = validUntil !== null && Date.parse(validUntil) <= now
  return (
    <Panel
      title={`${model.id} ${model.version}`}
      class="result"
      aside={
        <Badge tone={model.clinicalStatus === 'advisory' ? 'plain' : 'limit'}>{statusText(model.clinicalStatus)}</Badge>
      }
    >
      <p class="whose">
        Patient <strong>{subjectPseudonym}</strong> · decided {momentText(decision.decidedAt)}
      </p>
      {isOver && <HoldsNoLonger validUntil={validUntil} now={now} />}
      {refusal !== null && (
        <Notice tone="limit">
          <p>
            <strong>No decision.</strong> {refusal.message}
          </p>
          <p class="small">{refusal.code} · a refusal does not mean that the patient is well</p>
        </Notice>
      )}
      {assessment !== null && (
        <>
          <div class="outputs">
            {Object.entries(assessment.outputs).map(([name, output]) => (
              <OutputFigure
                key={name}
                output={output}
                drawing={contract?.outputs[name]}
                threshold={assessment.threshold?.output === name ? assessment.threshold : null}
              />
            ))}
          </div>
          <p class={`alert-line ${assessment.alert ? 'is-alert' : ''}`}>
            <Icon name={assessment.alert ? 'alert' : 'ok'} />
            <strong>{assessment.alert ? 'Alert.' : 'No alert.'}</strong>
            <span>{thresholdText(assessment.threshold, read)}</span>
          </p>
        </>
      )}
      {validUntil !== null && !isOver && <Holds validUntil={validUntil} now={now} />}
      <p class="narrative">{decision.narrative}</p>
      <p class="small">{decision.advisory}</p>
    </Panel>
  )
}

function OutputFigure({
  output,
  drawing,
  threshold,
}: {
  output: Output
  drawing: OutputDrawing | undefined
  threshold: Threshold
}) {
  const { role, display, unit, values, label, dims } = output
  const value = values[0] ?? 0
  if (role === 'contributions') return null
  if (role === 'score' || role === 'probability') {
    const shown = role === 'probability' ? percentText(value) : withUnit(numberText(value), unit)
    const range = role === 'probability' ? { low: 0, high: 1 } : (drawing?.range ?? null)
    return (
      <div class="output">
        <p class="output-name">{display}</p>
        <p class="output-value">{shown}</p>
        {range !== null && <Scale value={value} range={range} threshold={threshold} isShare={role === 'probability'} />}
      </div>
    )
  }
  if (role === 'category')
    return (
      <div class="output output-wide">
        <p class="output-name">{display}</p>
        <p>{label?.text ?? numberText(value)}</p>
      </div>
    )
  return (
    <div class="output output-wide">
      <p class="output-name">{display}</p>
      {role === 'segmentation' ? (
        <LabelCounts output={output} drawing={drawing} />
      ) : (
        <TensorValues values={values} dims={dims} />
      )}
    </div>
  )
}

function LabelCounts({ output: { values }, drawing }: { output: Output; drawing: OutputDrawing | undefined }) {
  const total = values.reduce((sum, count) => sum + count, 0)
  return (
    <table class="list">
      <thead>
        <tr>
          <th scope="col">Label</th>
          <th scope="col" class="number">
            Elements
          </th>
          <th scope="col" class="number">
            Share
          </th>
        </tr>
      </thead>
      <tbody>
        {values.map((count, index) => (
          <tr key={drawing?.labels?.[index]?.code ?? index}>
            <th scope="row">{drawing?.labels?.[index]?.text ?? `label ${index + 1}`}</th>
            <td class="number">{count}</td>
            <td class="number">{percentText(total === 0 ? 0 : count / total)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

const MAX_TENSOR_VALUES = 16

function TensorValues({ values, dims }: { values: readonly number[]; dims: readonly number[] | undefined }) {
  const more = values.length - MAX_TENSOR_VALUES
  return (
    <p class="tensor-values">
      {values.slice(0, MAX_TENSOR_VALUES).map(numberText).join(', ')}
      {more > 0 && ` and ${more} more`}
      {dims !== undefined && <span class="sub">[{dims.join(' × ')}]</span>}
    </p>
  )
}

function thresholdText(threshold: Threshold, { decision, contract }: DecisionRead): string {
  if (threshold === null) return 'The model has no threshold.'
  const output = decision.assessment?.outputs[threshold.output]
  const labels = contract?.outputs[threshold.output]?.labels ?? []
  const shown = (at: number) => {
    if (output?.role === 'probability') return percentText(at)
    return labels.find(({ value }) => value === at)?.code ?? numberText(at)
  }
  const clear = threshold.clearBelow
  const stands =
    clear === undefined || clear === threshold.alertAt ? '' : ` and stand until it is below ${shown(clear)}`
  return `Alerts begin at ${shown(threshold.alertAt)} of “${output?.display ?? threshold.output}”${stands}.`
}

function Holds({ validUntil, now }: { validUntil: string; now: number }) {
  return (
    <p class="validity">
      <Icon name="wait" /> Holds until {nearText(validUntil, now)}: {spanText(Date.parse(validUntil) - now)} left.
    </p>
  )
}

/** Said before the result, so that nobody reads the one without the other. */
function HoldsNoLonger({ validUntil, now }: { validUntil: string; now: number }) {
  return (
    <Notice tone="stop">
      <strong>This result no longer holds.</strong> It held until {momentText(validUntil)},{' '}
      {spanText(now - Date.parse(validUntil))} ago. Ask for a new decision.
    </Notice>
  )
}
