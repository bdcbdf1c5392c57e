import { useMemo } from 'preact/hooks'
import type UPlot from 'uplot'
import type { ShownDecision } from '../api/live-feed.ts'
import { type ChartPalette, TimeChart } from '../parts/time-chart.tsx'
import { countText, durationText } from '../words/numbers.ts'

const HEIGHT_PX = 110

/** How long each decision took, over time: a box that gets slower shows before it is too late. */
export function LatencyChart({ decisions }: { decisions: readonly ShownDecision[] }) {
  const data = useMemo(() => latencies(decisions), [decisions])
  const label = useMemo(() => describe(decisions), [decisions])
  return (
    <figure class="latency">
      <figcaption class="small">Latency in milliseconds. {label}</figcaption>
      <TimeChart
        label={`Latency of live decisions over time. ${label}`}
        heightPx={HEIGHT_PX}
        data={data}
        options={options}
      />
    </figure>
  )
}

function latencies(decisions: readonly ShownDecision[]): UPlot.AlignedData {
  const oldestFirst = decisions.toReversed()
  return [
    oldestFirst.map(({ at }) => Date.parse(at) / 1000),
    oldestFirst.map(({ timings }) => (timings.totalUs ?? 0) / 1000),
  ]
}

function describe(decisions: readonly ShownDecision[]): string {
  const sorted = decisions.map(({ timings }) => timings.totalUs ?? 0).sort((a, b) => a - b)
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0
  return `Of ${countText(sorted.length, 'decision')} half took up to ${durationText(middle)}, the longest ${durationText(sorted.at(-1) ?? 0)}.`
}

function options({ line, text, grid }: ChartPalette): Omit<UPlot.Options, 'width' | 'height'> {
  const axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1 },
    font: '11px system-ui',
  }
  return {
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 26, 0, 0],
    scales: { y: { range: (_chart, _low, high) => [0, Math.max(1, high * 1.15)] } },
    axes: [
      {
        ...axis,
        size: 24,
        values: (_chart, splits) => splits.map((seconds) => new Date(seconds * 1000).toTimeString().slice(0, 8)),
      },
      { ...axis, size: 38 },
    ],
    series: [{}, { stroke: line, width: 1, points: { show: true, size: 5, fill: line } }],
  }
}
