import { useEffect, useRef, useState } from 'preact/hooks'
import UPlot from 'uplot'

export interface ChartPalette {
  readonly line: string
  readonly marked: string
  readonly text: string
  readonly grid: string
}

interface TimeChartProps {
  /** What a screen reader says in place of the picture. */
  readonly label: string
  readonly heightPx: number
  readonly data: UPlot.AlignedData
  /** Without size; called again when the colours change. */
  options(palette: ChartPalette): Omit<UPlot.Options, 'width' | 'height'>
}

/** A chart over time on a canvas, as wide as its place. */
export function TimeChart({ label, heightPx, data, options }: TimeChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<UPlot | undefined>(undefined)
  const theme = useThemeCount()
  // biome wants every name that is read; `data` is set below without making the chart anew.
  const latest = useRef({ data, options })
  latest.current = { data, options }
  useEffect(() => {
    const target = place.current
    if (target === null) return
    const made = new UPlot(
      { ...latest.current.options(palette(target)), width: Math.max(60, target.clientWidth), height: heightPx },
      latest.current.data,
      target,
    )
    chart.current = made
    const sizes = new ResizeObserver(() => made.setSize({ width: Math.max(60, target.clientWidth), height: heightPx }))
    sizes.observe(target)
    return () => {
      sizes.disconnect()
      made.destroy()
      chart.current = undefined
    }
  }, [heightPx, theme])
  useEffect(() => chart.current?.setData(data), [data])
  return <div class="chart" ref={place} role="img" aria-label={label} />
}

/** A canvas knows no style sheet: its colours are read from the page. */
function palette(target: HTMLElement): ChartPalette {
  const style = getComputedStyle(target)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  return { line: colour('--accent'), marked: colour('--stop'), text: colour('--muted'), grid: colour('--line') }
}

/** Changes when the colours of the page do. */
export function useThemeCount(): number {
  const [count, setCount] = useState(0)
  useEffect(() => {
    const changed = () => setCount((before) => before + 1)
    const system = window.matchMedia('(prefers-color-scheme: dark)')
    window.addEventListener('wardstone-theme', changed)
    system.addEventListener('change', changed)
    return () => {
      window.removeEventListener('wardstone-theme', changed)
      system.removeEventListener('change', changed)
    }
  }, [])
  return count
}
