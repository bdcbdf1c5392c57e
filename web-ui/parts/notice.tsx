import type { ComponentChildren } from 'preact'
import type { Fault } from '../api/client.ts'
import { Icon, type IconName } from './icon.tsx'

export type Tone = 'plain' | 'ok' | 'limit' | 'stop'

const icons: Readonly<Record<Tone, IconName>> = { plain: 'note', ok: 'ok', limit: 'limit', stop: 'stop' }

/** A sentence or two that must not be overlooked. */
export function Notice({ tone = 'plain', children }: { tone?: Tone; children: ComponentChildren }) {
  return (
    <div class={`notice tone-${tone}`}>
      <Icon name={icons[tone]} />
      <div>{children}</div>
    </div>
  )
}

/** What a panel says in place of what it could not get. `what` is a noun: "the decision". */
export function FaultNotice({ fault, what }: { fault: Fault; what: string }) {
  const { kind, message, code, requestId } = fault
  if (kind === 'not-offered') return <Notice>This box does not offer {what} to these pages.</Notice>
  if (kind === 'denied') return <Notice>The role of this certificate does not see {what}.</Notice>
  return (
    <Notice tone="stop">
      <p>
        <strong>Could not get {what}.</strong> {message}
      </p>
      <p class="small">
        {code}
        {requestId === undefined ? '' : ` · request ${requestId}`}
      </p>
    </Notice>
  )
}
