import type { LatencyResult } from './latency.ts'
import { type Markup, markup } from './markup.ts'
import { curveShares } from './mixed-load.ts'
import { PAGE_STYLE } from './page-style.ts'
import { type BarGroup, barPlot, legend, linearScale, logScale, sharePlot } from './plots.ts'
import { aimText, type BenchReport, busyLine, machineLine, mebibytes, ms, ratio, whole } from './report.ts'

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/** The report as one page of HTML: no script, nothing that is fetched, and a table beside each plot. */
export function reportPage(report: BenchReport): string {
  const body = [
    heading(report),
    aims(report),
    latency(report),
    throughput(report),
    laps(report),
    mixedLoad(report),
    starts(report),
    memory(report),
    storage(report),
  ]
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Wardstone bench</title>
<style>${{ markup: PAGE_STYLE }}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`
  return page.markup
}

function heading(report: BenchReport): Markup {
  const { at, machine, leftOut } = report
  const busy = machine.loadBefore > machine.cores / 4 ? [markup`<p class="missed">${busyLine(report)}</p>`] : []
  return markup`<h1>Wardstone bench</h1>
<p class="soft">${machineLine(report)}. <time datetime="${at}">${at}</time></p>
<p>All of it was measured in one run, in alternating rounds. Client, runtime and workers share the cores:
compare ratios and differences, not times.</p>
${busy}${leftOut.map((line) => markup`<p class="soft">${line}</p>`)}`
}

function aims({ aims: all }: BenchReport): Markup {
  const met = all.filter(({ isMet }) => isMet).length
  const rows = all.map((aim) => {
    const verdict = aim.isMet ? markup`<td class="met">met</td>` : markup`<td class="missed">missed</td>`
    return markup`<tr><td>${aimText(aim)}</td>${verdict}</tr>`
  })
  return markup`<h2>Aims</h2><p>${`${met} of ${all.length} are met in this run.`}</p><table><tbody>${rows}</tbody></table>`
}

const WAYS = ['raw session.run', 'bare server', 'decision']

function latency({ latency: results }: BenchReport): Markup {
  const all = results.flatMap(waysOf)
  const groups: BarGroup[] = results.map((result) => ({
    title: `${result.model}, ${result.concurrency === 1 ? 'one lane' : `${result.concurrency} lanes`}`,
    bars: waysOf(result).map(({ p50Ms, p99Ms }, index) => {
      const text = `${ms(p50Ms)}, p99 ${ms(p99Ms)}`
      return { label: WAYS[index] ?? '', value: p50Ms, mark: p99Ms, text, series: index + 1 }
    }),
  }))
  const scale = logScale(all.flatMap(({ p50Ms, p99Ms }) => [p50Ms, p99Ms]))
  const head = ['model', 'lanes', 'raw p50', 'bare p50', 'p50', 'over raw', 'raw p99', 'bare p99', 'p99', 'over raw']
  const rows = results.map((result) => {
    const p50 = [...waysOf(result).map((way) => ms(way.p50Ms)), ms(result.addedP50Ms)]
    const p99 = [...waysOf(result).map((way) => ms(way.p99Ms)), ms(result.addedP99Ms)]
    const counted = [whole(result.decision.answered), whole(result.decision.refused)]
    return [result.model, String(result.concurrency), ...p50, ...p99, ...counted]
  })
  return markup`<h2>Latency over mTLS</h2>
<p>Bars end at the median, whiskers at p99; the scale is logarithmic, in milliseconds. Raw runs one call at a time, so of many
lanes each waits for the others there too.</p>
${legend(WAYS)}${barPlot('Latency of each model', groups, scale)}${table([...head, 'answered', 'refused'], rows)}`
}

const waysOf = ({ raw, bareServer, decision }: LatencyResult) => [raw, bareServer, decision]

function throughput({ latency: results }: BenchReport): Markup {
  const bar = (label: string, value: number, series: number) => ({ label, value, text: ratio(value), series })
  const groups: BarGroup[] = results.map(({ model, concurrency, ofRaw, ofServer }) => ({
    title: `${model}, ${concurrency === 1 ? 'one lane' : `${concurrency} lanes`}`,
    bars: [bar('of raw', ofRaw, 1), bar('of the bare server', ofServer, 2)],
  }))
  const scale = linearScale([1, ...results.flatMap(({ ofRaw, ofServer }) => [ofRaw, ofServer])])
  const rows = results.map(({ model, concurrency, ofRaw, ofServer, bareServerCpuMs, decisionCpuMs, ...ways }) => [
    ...[model, String(concurrency), whole(ways.raw.perSecond), whole(ways.bareServer.perSecond)],
    ...[whole(ways.decision.perSecond), ratio(ofRaw), ratio(ofServer), ms(bareServerCpuMs), ms(decisionCpuMs)],
  ])
  const head = ['model', 'lanes', 'raw', 'bare server', 'decisions', 'of raw', 'of bare', 'bare CPU', 'CPU']
  return markup`<h2>Throughput</h2>
<p>Decisions a second as a share of what raw runs and the bare server answer. The dashed line is as many.
The last two columns are processor time of one answer: of the bare server, and of the runtime with its workers.</p>
${barPlot('Decisions a second as a share', groups, scale, 1)}${table(head, rows)}`
}

const OUTSIDE = 'the rest'

function laps({ latency: results }: BenchReport): Markup {
  const alone = results.filter(({ concurrency }) => concurrency === 1)
  const parts = ({ laps: of, outsideMs }: LatencyResult) => [
    ...Object.entries(of).map(([name, us]) => [name.replace(/Us$/, ''), us / 1000] as const),
    [OUTSIDE, outsideMs] as const,
  ]
  const groups: BarGroup[] = alone.map((result) => ({
    title: result.model,
    bars: parts(result).map(([label, value]) => {
      const series = label === 'total' ? 3 : label === OUTSIDE ? 2 : 1
      return { label, value, text: ms(value), series }
    }),
  }))
  const scale = linearScale(alone.flatMap((result) => parts(result).map(([, value]) => value)))
  return markup`<h2>Where the time goes</h2>
<p>Medians in milliseconds, one lane: each lap inside the runtime, all laps together (total), and the rest up to what the client
sees, which is HTTP, TLS, JSON, the commit and the client itself.</p>
${barPlot('Laps of a decision', groups, scale)}`
}

function mixedLoad({ mixedLoad: result }: BenchReport): Markup {
  const points = (curve: readonly number[]) => curve.map((value, index) => [value, curveShares[index] ?? 1] as const)
  const lines = [
    { label: 'idle box', series: 1, points: points(result.idleCurveMs) },
    { label: 'under imaging', series: 2, points: points(result.loadedCurveMs) },
  ]
  const scale = logScale([...result.idleCurveMs, ...result.loadedCurveMs])
  const rows = (['idle', 'loaded'] as const).map((name) => {
    const { p50Ms, p99Ms, answered, refused } = result[name]
    return [name, ms(p50Ms), ms(p99Ms), whole(answered), whole(refused)]
  })
  const times = ['loaded, times idle', ratio(result.timesP50), ratio(result.timesP99), '', '']
  return markup`<h2>The bedside under imaging load</h2>
<p>${`${result.bedside} is asked by one device at the bedside, while ${result.imagingLanes} lanes ask ${result.imaging} without a pause: ${ratio(result.imagingPerSecond)} a second, ${whole(result.imagingRefused)} turned away.`}
Share of the bedside's requests that were answered within so many milliseconds:</p>
${legend(lines.map(({ label }) => label))}${sharePlot('Latency at the bedside, idle and under imaging load', lines, scale, 'ms, logarithmic')}
${table(['', 'p50', 'p99', 'answered', 'refused'], [...rows, times])}`
}

function starts({ starts: all }: BenchReport): Markup {
  const bars = all.map(({ what, readyMs }) => {
    const [label = what] = what.split(' (')
    return { label, value: readyMs, text: ms(readyMs), series: what.startsWith('runtime') ? 3 : 2 }
  })
  const scale = linearScale([2000, ...all.map(({ readyMs }) => readyMs)])
  const rows = all.map(({ what, readyMs, roundsMs }) => [what, ms(readyMs), roundsMs.map(whole).join(', ')])
  return markup`<h2>Start to ready</h2>
<p>From the start of the process until it says that it answers, in milliseconds. The dashed line is two seconds.</p>
${barPlot('Start to ready', [{ title: '', bars }], scale, 2000)}${table(['what', 'median', 'each, ms'], rows)}`
}

function memory({ memory: box, bareServerMemory }: BenchReport): Markup {
  const all = [...box, ...bareServerMemory]
  const bars = all.map(({ process, residentBytes }) => {
    const series = process === 'bare server' ? 2 : 3
    return { label: process, value: residentBytes / 1024 / 1024, text: mebibytes(residentBytes), series }
  })
  const total = (list: typeof box) =>
    list.reduce((sum, each) => sum + (each.proportionalBytes ?? each.residentBytes), 0)
  const rows = all.map(({ process, residentBytes, proportionalBytes }) => [
    ...[process, mebibytes(residentBytes), proportionalBytes === null ? '–' : mebibytes(proportionalBytes)],
  ])
  const totals = [
    ['the box in all', '', mebibytes(total(box))],
    ['bare server in all', '', mebibytes(total(bareServerMemory))],
  ]
  return markup`<h2>Memory</h2>
<p>Resident memory of each process after the load, in mebibytes. Pages that several processes share are in each of them; beside it
stands the share of each.</p>
${barPlot('Resident memory of each process', [{ title: '', bars }], linearScale(bars.map(({ value }) => value)))}
${table(['process', 'resident', 'with its share of shared pages'], [...rows, ...totals])}`
}

function storage({ commits, packageOpen }: BenchReport): Markup {
  const rows = [
    [`commits a second, groups of ${commits.group}`, whole(commits.commitsPerSecond), whole(commits.rawPerSecond)],
    ['one commit alone, p50', ms(commits.singleCommitP50Ms), ms(commits.rawSingleP50Ms)],
    [
      `package open (${packageOpen.megabytes} MB), MB/s`,
      whole(packageOpen.openMegabytesPerSecond),
      whole(packageOpen.opensslMegabytesPerSecond),
    ],
  ]
  return markup`<h2>Commits and packages</h2>
<p>Commits beside encrypted inserts of the same bytes; opening a package beside one pass of AES-256-GCM by OpenSSL.</p>
${table(['', 'measured', 'limit'], rows, true)}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[], isOpen = false): Markup {
  const cells = (row: readonly string[]) => row.map((text) => markup`<td>${text}</td>`)
  const inner = markup`<div class="scroll"><table><thead><tr>${head.map((text) => markup`<th scope="col">${text}</th>`)}</tr></thead>
<tbody>${rows.map((row) => markup`<tr>${cells(row)}</tr>`)}</tbody></table></div>`
  return isOpen ? inner : markup`<details><summary>The figures</summary>${inner}</details>`
}
