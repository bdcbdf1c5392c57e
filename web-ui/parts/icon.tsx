/** Shapes differ, not only colours: a tick, a triangle, an octagon, a circle. */
const paths = {
  ok: 'M4 12.5 9.5 18 20 6.5',
  limit: 'M12 3 22 20H2zM12 9v5M12 17v.5',
  stop: 'M8 2h8l6 6v8l-6 6H8l-6-6V8zM8.5 8.5l7 7M15.5 8.5l-7 7',
  note: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM12 11v6M12 7v.5',
  wait: 'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM12 6v6l4 3',
  alert: 'M12 3a6 6 0 0 0-6 6v5l-2 3h16l-2-3V9a6 6 0 0 0-6-6zM10 20h4',
} as const

export type IconName = keyof typeof paths

/** Beside words that say the same; not read out. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}
