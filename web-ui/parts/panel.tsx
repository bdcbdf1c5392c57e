import type { ComponentChildren } from 'preact'
import { useErrorBoundary, useId } from 'preact/hooks'
import { Notice } from './notice.tsx'

interface PanelProps {
  readonly title: string
  /** Beside the title: a count, a button. */
  readonly aside?: ComponentChildren
  readonly class?: string
  readonly children: ComponentChildren
}

/** One part of a page under its heading. What goes wrong while one is drawn stays in it. */
export function Panel({ title, aside, children, ...rest }: PanelProps) {
  const id = useId()
  return (
    <section class={`panel ${rest.class ?? ''}`} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      <Contained>{children}</Contained>
    </section>
  )
}

/** An answer of a shape that these pages do not know must not blank the page. */
function Contained({ children }: { children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary()
  if (error === undefined) return <>{children}</>
  return (
    <Notice tone="stop">
      <p>
        <strong>This part could not be drawn.</strong> The answer of the box is not what these pages know; both may be
        of different releases.
      </p>
      <button type="button" onClick={reset}>
        Try again
      </button>
    </Notice>
  )
}
