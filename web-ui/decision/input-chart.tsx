import { useMemo } from 'preact/hooks'
import type UPlot from 'uplot'
import type { ReadInput } from '../api/answers.ts'
import { type ChartPalette, TimeChart } from '../parts/time-chart.tsx'
import { countText, numberText } from '../words/numbers.ts'
import { flagText } from '../words/terms.ts'
import { unitText, withUnit } from '../words/units.ts'
import { type Point, pointsOf, type TimeWindow } from './input-series.ts'

const HEIGHT_PX = 120

/** One input over time. What the guards set aside is drawn apart, and never joined by the line. */
export function InputChart({ input, window }: { input: ReadInput; window: TimeWindow }) {
  const points = useMemo(() => pointsOf(input), [input])
  const data = useMemo(() => alignedData(points), [points])
  const latest = points.findLast(({ isUsed }) => isUsed)
  return (
    <figure class="input-chart">
      <figcaption>
        <strong>{input.display}</strong>
        <span>{latest?.value == null ? 'none used' : withUnit(numberText(latest.value), input.unit)}</span>
      </figcaption>
      <TimeChart
        label={describe(input, points)}
        heightPx={HEIGHT_PX}
        data={data}
        options={(palette) => options(palette, window)}
      />
      {input.flags.length > 0 && <p class="small flag">{input.flags.map(flagText).join('; ')}</p>}
    </figure>
  )
}

function alignedData(points: readonly Point[]): UPlot.AlignedData {
  return [
    points.map(({ atMs }) => atMs / 1000),
    points.map(({ value, isUsed }) => (isUsed ? value : null)),
    points.map(({ value, isUsed }) => (isUsed ? null : value)),
  ]
}

function describe({ display, unit }: ReadInput, points: readonly Point[]): string {
  const used = points.flatMap(({ isUsed, value }) => (isUsed && value !== null ? [value] : []))
  const aside = points.length - used.length
  if (used.length === 0) return `${display}: ${countText(aside, 'value')} set aside, none used`
  const [least, most, newest] = [Math.min(...used), Math.max(...used), used.at(-1) ?? 0].map(numberText)
  const asideText = aside === 0 ? '' : `, ${aside} set aside`
  return `${display} over time: ${countText(used.length, 'value')} from ${least} to ${most} ${unitText(unit)}, the newest ${newest}${asideText}`
}

function options(
  { line, marked, text, grid }: ChartPalette,
  { fromMs, untilMs }: TimeWindow,
): Omit<UPlot.Options, 'width' | 'height'> {
  const axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 },
    font: '11px system-ui',
  }
  return {
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 16, 0, 0],
    scales: { x: { range: [fromMs / 1000, untilMs / 1000] }, y: { range: (_chart, low, high) => around(low, high) } },
    axes: [
      {
        ...axis,
        size: 24,
        space: 48,
        values: (_chart, splits) => splits.map((seconds) => new Date(seconds * 1000).toTimeString().slice(0, 5)),
      },
      { ...axis, size: 42, space: 26, values: (_chart, splits) => splits.map(numberText) },
    ],
    series: [
      {},
      { stroke: line, width: 1.5, spanGaps: true, points: { show: true, size: 5, fill: line } },
      { stroke: marked, width: 0, points: { show: true, size: 7, width: 2, fill: 'transparent' } },
    ],
  }
}

/** Values that are all the same lie in the middle, not on an edge. */
function around(low: number, high: number): [number, number] {
  const margin = (high - low) * 0.12 || Math.abs(high) * 0.05 || 1
  return [low - margin, high + margin]
}
