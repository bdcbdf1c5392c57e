import type { ShownDecision } from '../api/live-feed.ts'
import { decisionLink } from '../page/route.ts'
import { Badge } from '../parts/facts.tsx'
import { Icon } from '../parts/icon.tsx'
import { durationText } from '../words/numbers.ts'
import { byLap, lapText, statusText } from '../words/terms.ts'
import { clockText } from '../words/times.ts'

/** One decision: what came out and how long it took. Whose it is, only where the box has said so. */
export function LiveRow({ decision, hasReadings }: { decision: ShownDecision; hasReadings: boolean }) {
  const { at, display, version, clinicalStatus, timings, read } = decision
  return (
    <tr>
      <td class="moment">{clockText(at)}</td>
      <td>
        {display}
        <span class="sub">
          {version}
          {clinicalStatus === 'advisory' ? '' : ` · ${statusText(clinicalStatus)}`}
        </span>
      </td>
      {hasReadings && <td class="patient">{read === null ? '–' : <DecisionLink decision={decision} read={read} />}</td>}
      <td class="reason">
        <OutcomeBadge decision={decision} />
        <span class="sub">{reasonOf(decision)}</span>
      </td>
      <td class="number" title={lapsText(timings)}>
        {durationText(timings.totalUs ?? 0)}
      </td>
    </tr>
  )
}

/** Read out alone, as in a list of links, a pseudonym would not tell one decision of a patient from the next (WCAG 2.4.9). */
function DecisionLink({
  decision: { at, display },
  read: { decisionId, subjectPseudonym },
}: {
  decision: ShownDecision
  read: NonNullable<ShownDecision['read']>
}) {
  return (
    <a href={decisionLink(decisionId)} aria-label={`${subjectPseudonym}, ${display}, ${clockText(at)}`}>
      {subjectPseudonym}
    </a>
  )
}

function OutcomeBadge({ decision: { outcome, alert } }: { decision: ShownDecision }) {
  if (outcome === 'refused')
    return (
      <Badge tone="limit">
        <Icon name="limit" /> Refused
      </Badge>
    )
  if (alert === true)
    return (
      <Badge tone="stop">
        <Icon name="alert" /> Alert
      </Badge>
    )
  return <Badge>No alert</Badge>
}

/** Words for those who may read the decision; for others why there is none, in the fixed words of the refusal. */
function reasonOf({ refusal, read, display }: ShownDecision): string {
  // The model stands in its own column: its name in front of every narrative is left out.
  if (read !== null) return read.narrative.replace(`${display}: `, '')
  return refusal?.message ?? ''
}

export function lapsText(timings: Readonly<Record<string, number>>): string {
  return Object.entries(timings)
    .sort(([a], [b]) => byLap(a, b))
    .map(([lap, us]) => `${lapText(lap)}: ${durationText(us)}`)
    .join(', ')
}
