import type { ComponentChildren } from 'preact'

export type Fact = readonly [term: string, value: ComponentChildren]

/** Names and what they are; a fact without a value is left out. */
export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== undefined && value !== null && value !== '')
        .map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  )
}

/** A hash: its beginning to compare by eye, all of it to read out or copy. */
export function Hash({ hex }: { hex: string }) {
  return (
    <details class="hash">
      <summary>
        <code>{hex.slice(0, 12)}…</code>
      </summary>
      <code class="whole">{hex}</code>
    </details>
  )
}

export function Badge({ tone = 'plain', children }: { tone?: string; children: ComponentChildren }) {
  return <span class={`badge tone-${tone}`}>{children}</span>
}
