import { colourOf } from './image-pixels.ts'
import type { LabelLayer } from './use-label-map.ts'

/** Which colour is which label; they are asked for by a click, because a reading of them is recorded. */
export function LabelLegend({ layer, load }: { layer: LabelLayer; load: () => void }) {
  const { display, names, map, fault } = layer
  if (map === undefined)
    return (
      <div>
        <button type="button" onClick={load}>
          Lay “{display}” over the image
        </button>
        <p class="small">{fault ?? 'Reading it is recorded.'}</p>
      </div>
    )
  return (
    <ul class="legend small">
      {names.map(({ value, text }) => (
        <li key={value}>
          <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
            <rect width="10" height="10" fill={`rgb(${colourOf(value).join(' ')})`} />
          </svg>
          {text}
        </li>
      ))}
    </ul>
  )
}
