import { type Markup, markup } from './markup.ts'

/** One bar: from nothing to `value`, with a mark further out where there is one. */
export interface Bar {
  readonly label: string
  readonly value: number
  /** Such as p99 beside p50. */
  readonly mark?: number
  /** Written behind it. */
  readonly text: string
  /** Which of the colours, from 1 to 4. */
  readonly series: number
}

export interface BarGroup {
  readonly title: string
  readonly bars: readonly Bar[]
}

export interface Line {
  readonly label: string
  readonly series: number
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Scale {
  readonly ticks: readonly number[]
  /** Where a value stands, from 0 to 1. */
  at(value: number): number
}

const WIDTH = 760
const LABEL_WIDTH = 150
const TEXT_WIDTH = 170
const BAR_HEIGHT = 16
const GROUP_GAP = 14
const TITLE_HEIGHT = 20
const AXIS_HEIGHT = 26

/** From zero to the largest, with ticks at round numbers. What is not finite is left out of account. */
export function linearScale(values: readonly number[]): Scale {
  const most = Math.max(0, ...values.filter(Number.isFinite)) || 1
  const rough = most / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10)
  const count = Math.ceil(most / step)
  const ticks = Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)))
  return { ticks, at: (value) => clamp(value / (count * step)) }
}

/** Powers of ten around all values: for what spans from hundredths to thousands. */
export function logScale(values: readonly number[]): Scale {
  const positive = values.filter((value) => Number.isFinite(value) && value > 0)
  const low = Math.floor(Math.log10(Math.min(...positive, 1)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 1))))
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => Number((10 ** (low + index)).toPrecision(12)))
  return { ticks, at: (value) => (value > 0 ? clamp((Math.log10(value) - low) / (high - low)) : 0) }
}

const clamp = (share: number) => (Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0)

/** Groups of horizontal bars on one scale. @param limit a line across all of them, such as what is aimed at */
export function barPlot(title: string, groups: readonly BarGroup[], scale: Scale, limit?: number): Markup {
  const plotWidth = WIDTH - LABEL_WIDTH - TEXT_WIDTH
  const x = (value: number) => LABEL_WIDTH + plotWidth * scale.at(value)
  let top = 4
  const drawn = groups.map((group) => {
    const start = top
    top += (group.title === '' ? 0 : TITLE_HEIGHT) + group.bars.length * BAR_HEIGHT + GROUP_GAP
    return drawGroup(group, start, x)
  })
  const height = top + AXIS_HEIGHT
  const ticks = scale.ticks.map(
    (tick) => markup`<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="0" y2="${top}"/>
<text class="tick" x="${x(tick)}" y="${top + 16}" text-anchor="middle">${tickText(tick)}</text>`,
  )
  const limitLine =
    limit === undefined ? [] : [markup`<line class="limit" x1="${x(limit)}" x2="${x(limit)}" y1="0" y2="${top}"/>`]
  return markup`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">
${ticks}${limitLine}${drawn}
</svg>`
}

function drawGroup({ title, bars }: BarGroup, top: number, x: (value: number) => number): Markup {
  const from = top + (title === '' ? 0 : TITLE_HEIGHT)
  const heading = title === '' ? [] : [markup`<text class="group" x="0" y="${top + 14}">${title}</text>`]
  const drawn = bars.map(({ label, value, mark, text, series }, index) => {
    const y = from + index * BAR_HEIGHT
    const middle = y + BAR_HEIGHT / 2
    const end = x(Math.max(value, mark ?? 0))
    const whisker =
      mark === undefined || !(mark > value)
        ? []
        : [
            markup`<line class="whisker" x1="${x(value)}" x2="${x(mark)}" y1="${middle}" y2="${middle}"/>
<line class="whisker" x1="${x(mark)}" x2="${x(mark)}" y1="${middle - 4}" y2="${middle + 4}"/>`,
          ]
    return markup`<text class="label" x="${LABEL_WIDTH - 8}" y="${middle + 4}" text-anchor="end">${label}</text>
<rect class="s${series}" x="${LABEL_WIDTH}" y="${y + 2}" width="${Math.max(1, x(value) - LABEL_WIDTH)}" height="${BAR_HEIGHT - 4}"/>
${whisker}<text class="value" x="${end + 6}" y="${middle + 4}">${text}</text>`
  })
  return markup`${heading}${drawn}`
}

const LINE_HEIGHT = 260

/** Lines over a horizontal scale of values; y is a share from 0 to 1, shown as percent. */
export function sharePlot(title: string, lines: readonly Line[], scale: Scale, unit: string): Markup {
  const [left, right, bottom] = [48, WIDTH - 20, LINE_HEIGHT - 44]
  const x = (value: number) => left + (right - left) * scale.at(value)
  const y = (share: number) => bottom - (bottom - 8) * clamp(share)
  const rows = [0, 0.25, 0.5, 0.75, 1].map(
    (share) => markup`<line class="grid" x1="${left}" x2="${right}" y1="${y(share)}" y2="${y(share)}"/>
<text class="tick" x="${left - 6}" y="${y(share) + 4}" text-anchor="end">${`${100 * share} %`}</text>`,
  )
  const columns = scale.ticks.map(
    (tick) => markup`<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="8" y2="${bottom}"/>
<text class="tick" x="${x(tick)}" y="${bottom + 16}" text-anchor="middle">${tickText(tick)}</text>`,
  )
  const drawn = lines.map(({ series, points }) => {
    const finite = points.filter(([value]) => Number.isFinite(value))
    const path = finite.map(([value, share]) => `${x(value).toFixed(1)},${y(share).toFixed(1)}`).join(' ')
    return markup`<polyline class="line l${series}" points="${path}"/>`
  })
  return markup`<svg viewBox="0 0 ${WIDTH} ${LINE_HEIGHT}" role="img" aria-label="${title}">
${rows}${columns}${drawn}<text class="tick" x="${right}" y="${LINE_HEIGHT - 6}" text-anchor="end">${unit}</text>
</svg>`
}

function tickText(value: number): string {
  return value >= 1000 ? value.toLocaleString('en') : String(value)
}

/** What the colours stand for. */
export function legend(names: readonly string[]): Markup {
  const entries = names.map((name, index) => markup`<li><span class="key k${index + 1}"></span>${name}</li>`)
  return markup`<ul class="legend">${entries}</ul>`
}
