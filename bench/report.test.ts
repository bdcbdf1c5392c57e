import { describe, expect, it } from 'vitest'
import { markup } from './markup.ts'
import { processKind } from './memory.ts'
import { barPlot, linearScale, logScale } from './plots.ts'
import { reportText } from './report.ts'
import { reportPage } from './report-page.ts'
import { exampleReport, exampleResult } from './testkit/example-report.ts'

const HOSTILE = `"><script>alert('1')</script>&`
const hostile = () => {
  const { machine, mixedLoad, starts, memory } = exampleReport()
  return exampleReport({
    machine: { ...machine, cpu: HOSTILE },
    leftOut: [HOSTILE],
    latency: [exampleResult(HOSTILE, 1, [1, 2, 3])],
    mixedLoad: { ...mixedLoad, bedside: HOSTILE, imaging: HOSTILE },
    starts: starts.map((start) => ({ ...start, what: HOSTILE })),
    memory: memory.map((each) => ({ ...each, process: HOSTILE })),
    aims: [{ aim: HOSTILE, measured: 1, unit: 'ms', bound: 'at most', limit: 2, isMet: true }],
  })
}

describe('markup', () => {
  it('escapes what stands in it, unless it is markup', () => {
    expect(markup`<p title="${'"'}">${'<b>'}${markup`<i>${"&'"}</i>`}${[markup`1`, markup`2`]}</p>`.markup).toBe(
      '<p title="&quot;">&lt;b&gt;<i>&amp;&#39;</i>12</p>',
    )
  })

  it('has no figure that is none', () => {
    expect(markup`<rect width="${Number.NaN}" x="${1 / 3}"/>`.markup).toBe('<rect width="0" x="0.333"/>')
  })
})

describe('scales', () => {
  it('end at a round number at or beyond the largest', () => {
    expect(linearScale([3, 7]).ticks).toEqual([0, 2, 4, 6, 8])
    expect(linearScale([0.05]).ticks.at(-1)).toBeGreaterThanOrEqual(0.05)
    expect(linearScale([8]).at(8)).toBe(1)
    expect(linearScale([8]).at(4)).toBe(0.5)
    expect(linearScale([Number.NaN]).ticks.length).toBeGreaterThan(1)
    expect(linearScale([1]).at(Number.NaN)).toBe(0)
  })

  it('of powers of ten hold the least and the largest', () => {
    const scale = logScale([0.04, 500])
    expect(scale.ticks).toEqual([0.01, 0.1, 1, 10, 100, 1000])
    expect(scale.at(0.01)).toBe(0)
    expect(scale.at(1000)).toBe(1)
    expect(scale.at(0)).toBe(0)
    expect(logScale([]).ticks.length).toBeGreaterThan(1)
  })

  it('put bars where their values are', () => {
    const bars = [{ label: 'a', value: 5, text: '5', series: 1 }]
    const { markup: svg } = barPlot('title', [{ title: '', bars }], linearScale([10]))
    expect(/<rect class="s1" x="150" y="6" width="([\d.]+)"/.exec(svg)?.[1]).toBe('220')
  })
})

describe('the page', () => {
  it('is one file that asks for nothing and runs nothing', () => {
    const page = reportPage(exampleReport())
    expect(page).toContain('content="default-src &#39;none&#39;; style-src')
    expect(page).not.toMatch(/<script|\son\w+=|<link|<img|@import|url\(|https?:|javascript:/i)
    expect(page).not.toMatch(/NaN|undefined|\[object/)
  })

  it('has a name for each plot and closes what it opens', () => {
    const page = reportPage(exampleReport())
    expect(page.match(/<svg /g)?.length).toBe(page.match(/role="img" aria-label="[^"]+"/g)?.length)
    for (const tag of ['svg', 'table', 'tr', 'td', 'p', 'h2', 'ul', 'details', 'main', 'text'])
      expect(page.match(new RegExp(`<${tag}[ >]`, 'g'))?.length, tag).toBe(
        page.match(new RegExp(`</${tag}>`, 'g'))?.length,
      )
  })

  it('shows what a machine, a model or a process is called, as text', () => {
    const page = reportPage(hostile())
    expect(page).not.toContain('<script')
    expect(page).not.toContain(`"><`.concat('script'))
    expect(page).toContain('&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;')
  })

  it('has a dash where nothing was answered', () => {
    const report = exampleReport({ latency: [exampleResult('news2', 1, [1, 2, Number.NaN])] })
    expect(reportPage(report)).toMatch(/<td>–<\/td>/)
    expect(reportPage(report)).not.toContain('NaN')
    expect(reportText(report)).not.toContain('NaN')
  })
})

describe('the text', () => {
  it('says what was left out, whether the machine was busy, and which aims were missed', () => {
    const { machine } = exampleReport()
    const text = reportText(exampleReport({ leftOut: ['sepsyd was left out'], machine: { ...machine, loadBefore: 2 } }))
    expect(text).toContain('sepsyd was left out\n')
    expect(text).toContain('The machine was busy before this began')
    expect(text).toMatch(/missed {2}densenet121, 16 lanes: throughput of raw: 0\.83, at least 0\.95/)
    expect(reportText(exampleReport())).not.toContain('busy')
  })
})

describe('processes', () => {
  it('are told by the command that they were started with', () => {
    expect(processKind('/usr/bin/bwrap --unshare-net node runtime/bin/inference-worker.ts')).toBe('bubblewrap')
    expect(processKind('node runtime/bin/inference-worker.ts')).toBe('inference worker')
    expect(processKind('node /opt/runtime/bin/runtime.ts --config runtime.json')).toBe('runtime')
    expect(processKind('node bench/bin/bare-server.ts --models x')).toBe('bare server')
    expect(processKind('sleep 1')).toBe('other')
  })
})
