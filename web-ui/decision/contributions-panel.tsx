import { useEffect } from 'preact/hooks'
import type { DecisionRead, Explanation, ReadInput } from '../api/answers.ts'
import { Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { numberText, percentText, signedText } from '../words/numbers.ts'
import { methodText } from '../words/terms.ts'
import { ContributionBar } from './contribution-bar.tsx'

interface ContributionsProps {
  readonly read: DecisionRead
  readonly explanation: Explanation | null
  readonly everyMs: number
  again(): void
}

/** What each input contributed to the score, under the inputs. A map of an image stands with the image. */
export function ContributionsPanel({ read, explanation, everyMs, again }: ContributionsProps) {
  const isPending = explanation?.method === 'pending'
  useEffect(() => {
    if (!isPending) return
    const timer = setInterval(again, everyMs)
    return () => clearInterval(timer)
  }, [isPending, everyMs, again])
  if (explanation === null || explanation.map !== undefined) return null
  return (
    <Panel title="Contributed to the score" aside={<span class="small">{methodText(explanation.method)}</span>}>
      {isPending && <Notice>What contributed to the score is being computed. It appears here when it is there.</Notice>}
      {explanation.method === 'none' && <Notice>There is no explanation. {explanation.reason}</Notice>}
      {explanation.contributions.length > 0 && <Contributions read={read} explanation={explanation} />}
    </Panel>
  )
}

function Contributions({ read, explanation }: { read: DecisionRead; explanation: Explanation }) {
  const isShare = read.decision.assessment?.outputs[explanation.of]?.role === 'probability'
  const sorted = explanation.contributions.toSorted((a, b) => Math.abs(b.value) - Math.abs(a.value))
  const widest = Math.max(
    ...sorted.map(({ value, standardError = 0 }) => Math.abs(value) + standardError),
    Number.MIN_VALUE,
  )
  const shown = (value: number) =>
    isShare ? `${signedText(value * 100, 1)} pp` : signedText(value, Number.isInteger(value) ? 0 : 3)
  return (
    <>
      <table class="contributions">
        <caption class="sr-only">What each input contributed to the score, the largest first</caption>
        <thead class="sr-only">
          <tr>
            <th scope="col">Input</th>
            <th scope="col">Bar</th>
            <th scope="col">Contribution</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map(({ name, display, value, standardError }) => (
            <tr key={name}>
              <th scope="row">
                {display}
                <Members name={name} inputs={read.inputs} />
              </th>
              <td class="bar">
                <ContributionBar value={value} error={standardError ?? 0} widest={widest} />
              </td>
              <td class="number">
                {shown(value)}
                {standardError !== undefined && (
                  <span class="sub">± {isShare ? (standardError * 100).toFixed(1) : numberText(standardError)}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="small">{sumText(explanation, isShare)}</p>
    </>
  )
}

/** Of a group its inputs, so that a bar leads back to the charts above it. */
function Members({ name, inputs }: { name: string; inputs: readonly ReadInput[] }) {
  const members = inputs.filter((input) => input.contribution === name && input.name !== name)
  return members.length === 0 ? null : <span class="sub">{members.map(({ display }) => display).join(', ')}</span>
}

function sumText({ baseline, residual, sampling }: Explanation, isShare: boolean): string {
  const shown = (value: number) => (isShare ? percentText(value) : numberText(value))
  const from = baseline === null ? '' : `Starting from ${shown(baseline)}. `
  const drawn = sampling === undefined ? '' : `Sampled: ${sampling.permutations} orders, seed ${sampling.seed}. `
  const rest =
    Math.abs(residual) < 1e-9 ? 'The contributions add up to the result.' : `Left over: ${residual.toExponential(1)}.`
  return `${from}${drawn}${rest}${isShare ? ' pp: percentage points.' : ''}`
}
