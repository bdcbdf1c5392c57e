import type { DecisionRead } from '../api/answers.ts'
import { Panel } from '../parts/panel.tsx'
import { durationText } from '../words/numbers.ts'
import { byLap, lapText } from '../words/terms.ts'

/** Where the time of this decision went. */
export function TimingsPanel({ decision: { timings } }: { decision: DecisionRead['decision'] }) {
  const laps = Object.entries(timings)
    .filter(([name]) => name !== 'totalUs')
    .sort(([a], [b]) => byLap(a, b))
  const total = timings.totalUs ?? laps.reduce((sum, [, us]) => sum + us, 0)
  return (
    <Panel title="Timings" aside={<strong>{durationText(total)}</strong>}>
      <table class="timings">
        <thead class="sr-only">
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Share</th>
            <th scope="col">Time</th>
          </tr>
        </thead>
        <tbody>
          {laps.map(([name, us]) => (
            <tr key={name}>
              <th scope="row">{lapText(name)}</th>
              <td class="bar">
                <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                  <rect class="lap" x="0" y="0" width={total === 0 ? 0 : (100 * us) / total} height="8" />
                </svg>
              </td>
              <td class="number">{durationText(us)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  )
}
