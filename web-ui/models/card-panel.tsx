import type { ModelRelease } from '../api/answers.ts'
import { Facts } from '../parts/facts.tsx'
import { Panel } from '../parts/panel.tsx'
import { Scrolling } from '../parts/scrolling.tsx'
import { numberText, percentText } from '../words/numbers.ts'
import { methodText } from '../words/terms.ts'

/** What the maker says of the model: whom it is for, whom it is not for, and how it was measured. */
export function CardPanel({ release }: { release: ModelRelease }) {
  const { explanation, regulatory, validation } = release
  const identity = [regulatory.udiDi, regulatory.clearance, regulatory.pccp].filter((part) => part !== null)
  return (
    <Panel title="Card">
      <Facts
        facts={[
          ['Population', release.population],
          ['Not for', release.contraindications.join(' ')],
          ['Wards', release.wards.join(', ')],
          ['Alerts', alertsText(release)],
          [
            'Alerts per 100 patient-days',
            validation.alertsPer100PatientDays === null ? undefined : numberText(validation.alertsPer100PatientDays),
          ],
          [
            'Of alerts, right',
            validation.positivePredictiveValue === null ? undefined : percentText(validation.positivePredictiveValue),
          ],
          ['Explanation', explanation.reason ?? methodText(explanation.method)],
          ['Regulatory', identity.length === 0 ? 'no clearance' : identity.join(', ')],
          ['Licence', release.licence],
          ['Provenance', release.provenance],
        ]}
      />
      {validation.metrics.length > 0 && <Metrics metrics={validation.metrics} />}
      {release.card !== null && (
        <details>
          <summary>The card in full</summary>
          <Scrolling label="Text of the card">
            <pre class="card">{release.card}</pre>
          </Scrolling>
        </details>
      )}
      {release.sourceAttributes.length > 0 && (
        <details>
          <summary>Source attributes ({release.sourceAttributes.length})</summary>
          <Facts facts={release.sourceAttributes.map(({ name, text }) => [spaced(name), text])} />
        </details>
      )}
    </Panel>
  )
}

function alertsText({ threshold, outputs }: ModelRelease): string {
  if (threshold === null) return 'none: there is no threshold'
  const output = outputs.find(({ name }) => name === threshold.output)
  const shown = output?.role === 'probability' ? percentText : numberText
  return `“${output?.display ?? threshold.output}” from ${shown(threshold.alertAt)}, until below ${shown(threshold.clearBelow)}`
}

function Metrics({ metrics }: { metrics: ModelRelease['validation']['metrics'] }) {
  return (
    <Scrolling label="How the model was measured">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Measured</th>
            <th scope="col" class="number">
              Value
            </th>
            <th scope="col">Interval</th>
            <th scope="col">On</th>
          </tr>
        </thead>
        <tbody>
          {metrics.map(({ name, value, low, high, on }) => (
            <tr key={`${name} ${on}`}>
              <th scope="row">{name}</th>
              <td class="number">{numberText(value)}</td>
              <td class="interval">
                {low === null || high === null ? '–' : `${numberText(low)} to ${numberText(high)}`}
              </td>
              <td>{on}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolling>
  )
}

/** `intendedUse` and `intended-use` as words. */
function spaced(name: string): string {
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll(/[-_]/g, ' ')
    .toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
