import { useState } from 'preact/hooks'
import type { FeedbackAnswerBody } from '../../runtime/http/contract.ts'
import type { DecisionRead } from '../api/answers.ts'
import type { Fault } from '../api/client.ts'
import { useBox } from '../page/box.ts'
import { Badge } from '../parts/facts.tsx'
import { FaultNotice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { momentText } from '../words/times.ts'

const MAX_REASON = 2000

/** What clinicians said of the decision, and a place to say it. The decision itself never changes. */
export function FeedbackPanel({ read, again }: { read: DecisionRead; again: () => void }) {
  const { may } = useBox()
  const { feedback, decision } = read
  return (
    <Panel title="Feedback" aside={<span class="count">{feedback.length}</span>}>
      {feedback.length === 0 && <p class="small">Nobody has accepted or overridden this decision.</p>}
      <ul class="feedback">
        {feedback.map((entry) => (
          <li key={entry.feedbackId}>
            <p>
              <Badge tone={entry.verdict === 'accept' ? 'ok' : 'limit'}>
                {entry.verdict === 'accept' ? 'Accepted' : 'Overridden'}
              </Badge>
              <span class="small">
                {entry.by}, {momentText(entry.at)}, entry {entry.audit.leafIndex}
              </span>
            </p>
            <p>{entry.reason}</p>
          </li>
        ))}
      </ul>
      {may('decision.feedback') && <FeedbackForm id={decision.decisionId} again={again} />}
    </Panel>
  )
}

function FeedbackForm({ id, again }: { id: string; again: () => void }) {
  const { client } = useBox()
  const [verdict, setVerdict] = useState<'accept' | 'override' | undefined>(undefined)
  const [reason, setReason] = useState('')
  const [fault, setFault] = useState<Fault | undefined>(undefined)
  const [said, setSaid] = useState('')
  const [isSending, setSending] = useState(false)
  const send = async (event: Event) => {
    event.preventDefault()
    if (verdict === undefined || reason.trim() === '') return setSaid('Choose accept or override, and give the reason.')
    setSending(true)
    const answered = await client.json<FeedbackAnswerBody>(`/v1/decisions/${id}/feedback`, {
      method: 'POST',
      body: { verdict, reason: oneLine(reason) },
    })
    setSending(false)
    setFault(answered.fault)
    if (answered.value === undefined) return setSaid('')
    setSaid(`Recorded as entry ${answered.value.audit.leafIndex} of the audit log.`)
    setReason('')
    setVerdict(undefined)
    again()
  }
  return (
    <form class="feedback-form" onSubmit={(event) => void send(event)}>
      <fieldset>
        <legend>What do you make of it?</legend>
        <Choice name="accept" words="Accept" chosen={verdict} choose={setVerdict} />
        <Choice name="override" words="Override" chosen={verdict} choose={setVerdict} />
      </fieldset>
      <label for="reason">Reason</label>
      <textarea
        id="reason"
        rows={3}
        maxLength={MAX_REASON}
        value={reason}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <button type="submit" class="primary" disabled={isSending}>
        {isSending ? 'Recording …' : 'Record'}
      </button>
      <p role="status" class="small">
        {said}
      </p>
      {fault !== undefined && <FaultNotice fault={fault} what="the feedback recorded" />}
    </form>
  )
}

interface ChoiceProps {
  readonly name: 'accept' | 'override'
  readonly words: string
  readonly chosen: string | undefined
  choose(name: 'accept' | 'override'): void
}

function Choice({ name, words, chosen, choose }: ChoiceProps) {
  return (
    <label class="choice">
      <input type="radio" name="verdict" value={name} checked={chosen === name} onChange={() => choose(name)} /> {words}
    </label>
  )
}

/** The box takes one line. */
function oneLine(text: string): string {
  return text.trim().replace(/\s+/g, ' ')
}
