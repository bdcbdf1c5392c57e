import { useEffect, useRef } from 'preact/hooks'
import { usePixels } from './use-pixels.ts'

interface ImageStageProps {
  readonly label: string
  readonly rows: number
  readonly columns: number
  readonly base: Uint8ClampedArray<ArrayBuffer>
  readonly over: Uint8ClampedArray<ArrayBuffer> | undefined
  /** Of the overlay, 0 … 100. */
  readonly opacity: number
  /** In per cent of what fits the place. */
  readonly zoom: number
  setZoom(zoom: number): void
}

const ZOOM_STEP = 25
const PLACE_PX = 440

/** Both layers, one over the other, in a place that scrolls: by wheel, by dragging, by arrow keys, and + and −. */
export function ImageStage({ label, rows, columns, base, over, opacity, zoom, setZoom }: ImageStageProps) {
  const place = useRef<HTMLElement>(null)
  useEffect(() => {
    // Always a stop of the keyboard: plus and minus zoom here.
    if (place.current !== null) place.current.tabIndex = 0
  }, [])
  const inner = useRef<HTMLDivElement>(null)
  const below = usePixels(base, rows, columns)
  const above = usePixels(over, rows, columns)
  useEffect(() => {
    const fits = (PLACE_PX / Math.max(rows, columns)) * (zoom / 100)
    // Set from a script: the policy of the page allows no style in markup.
    inner.current?.style.setProperty('width', `${Math.round(columns * fits)}px`)
    inner.current?.style.setProperty('height', `${Math.round(rows * fits)}px`)
    above.current?.style.setProperty('opacity', String(opacity / 100))
  }, [rows, columns, zoom, opacity])
  useDragging(place)
  const onKey = (event: KeyboardEvent) => {
    if (event.key === '+' || event.key === '=') setZoom(zoom + ZOOM_STEP)
    if (event.key === '-') setZoom(zoom - ZOOM_STEP)
  }
  return (
    <section
      class="stage"
      ref={place}
      aria-label={`${label}. Arrow keys move it, plus and minus zoom.`}
      onKeyDown={onKey}
    >
      <div class="stage-inner" ref={inner}>
        <canvas ref={below} width={columns} height={rows} role="img" aria-label={label} />
        <canvas ref={above} width={columns} height={rows} class="stage-over" />
      </div>
    </section>
  )
}

/** Moves what scrolls by dragging it, as every viewer does. */
function useDragging(place: { readonly current: HTMLElement | null }): void {
  useEffect(() => {
    const target = place.current
    if (target === null) return
    const move = (event: PointerEvent) => {
      if (event.buttons !== 1 || event.pointerType === 'touch') return
      target.scrollBy(-event.movementX, -event.movementY)
    }
    target.addEventListener('pointermove', move)
    return () => target.removeEventListener('pointermove', move)
  }, [place])
}
