import { useState } from 'preact/hooks'
import { LivePanel } from '../now/live-panel.tsx'
import { decisionLink, isDecisionId } from '../page/route.ts'
import { Panel } from '../parts/panel.tsx'

/** Without a decision in the address: by its id, or from those that are made now. */
export function FindDecision() {
  const [text, setText] = useState('')
  const [isWrong, setWrong] = useState(false)
  const open = (event: Event) => {
    event.preventDefault()
    const id = text.trim().toLowerCase()
    if (isDecisionId(id)) window.location.hash = decisionLink(id)
    else setWrong(true)
  }
  return (
    <>
      <h1>Decision</h1>
      <div class="stack">
        <Panel title="Open a decision">
          <form class="find" onSubmit={open}>
            <label for="decision-id">Id of the decision</label>
            <input
              id="decision-id"
              type="text"
              autocomplete="off"
              spellcheck={false}
              value={text}
              aria-invalid={isWrong}
              aria-describedby="decision-id-help"
              onInput={(event) => {
                setText(event.currentTarget.value)
                setWrong(false)
              }}
            />
            <button type="submit">Open</button>
            <p id="decision-id-help" class={isWrong ? 'fault-text' : 'small'}>
              {isWrong
                ? 'This is not the id of a decision: 32 characters 0-9 and a-f with four hyphens.'
                : 'It stands in every answer, and in the audit log. Opening a decision is recorded.'}
            </p>
          </form>
        </Panel>
        <LivePanel />
      </div>
    </>
  )
}
