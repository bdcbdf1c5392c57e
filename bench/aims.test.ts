import { describe, expect, it } from 'vitest'
import { type Aim, aimsOf } from './aims.ts'
import { exampleReport, exampleResult } from './testkit/example-report.ts'

const verdicts = (aims: readonly Aim[]) => Object.fromEntries(aims.map(({ aim, isMet }) => [aim, isMet]))
const { mixedLoad, starts } = exampleReport()

describe('the aims', () => {
  it('are asked of the models that they are about', () => {
    expect(verdicts(exampleReport().aims)).toEqual({
      'sepsis-risk, one lane: p50 over raw session.run': true,
      'sepsis-risk, one lane: p99 over raw session.run': true,
      'sepsis-risk, one lane: p50 over the bare server': true,
      'sepsis-risk, one lane: p99 over the bare server': true,
      "densenet121, 16 lanes: throughput of the bare server's": true,
      'densenet121, 16 lanes: throughput of raw': false,
      "news2 p99 under full imaging load, of the idle box's": true,
      'start to ready: runtime with news2': true,
    })
  })

  it('leave models out whose own run is short', () => {
    const latency = [exampleResult('news2', 1, [0.1, 1, 4]), exampleResult('news2', 16, [0.1, 1, 4])]
    const asked = aimsOf({ latency, mixedLoad, starts: [] }).map(({ aim }) => aim)
    expect(asked).toEqual(["news2 p99 under full imaging load, of the idle box's"])
  })

  it('are missed by what was not answered', () => {
    const unanswered = { ...mixedLoad, timesP99: Number.NaN }
    const latency = [exampleResult('sepsis-risk', 1, [0.1, 1, Number.NaN])]
    expect(Object.values(verdicts(aimsOf({ latency, mixedLoad: unanswered, starts: [] })))).toEqual(
      Array(5).fill(false),
    )
  })

  it('are not asked of the start of the bare server', () => {
    const others = [...starts, { what: 'bare server, the same models', readyMs: 9000, roundsMs: [9000] }]
    expect(aimsOf({ latency: [], mixedLoad, starts: others }).every(({ isMet }) => isMet)).toBe(true)
  })
})
