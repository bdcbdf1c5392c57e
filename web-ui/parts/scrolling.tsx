import type { ComponentChildren } from 'preact'
import { useScrolling } from './use-scrolling.ts'

/** Wide content that scrolls in itself: a region with a name. */
export function Scrolling({ label, children }: { label: string; children: ComponentChildren }) {
  const place = useScrolling<HTMLElement>()
  return (
    <section class="scrolling" aria-label={label} ref={place}>
      {children}
    </section>
  )
}
