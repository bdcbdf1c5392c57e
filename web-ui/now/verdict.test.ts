import { describe, expect, it } from 'vitest'
import type { LiveView } from '../api/live-feed.ts'
import { emptyHealth, health, wellHealth } from '../testkit/stub-health.ts'
import { SILENT_AFTER_MS, verdictOf } from './verdict.ts'

const NOW = Date.parse('2026-01-05T10:00:00Z')
const fault = {
  kind: 'unreachable',
  code: 'unreachable',
  message: 'The box did not answer.',
  requestId: undefined,
} as const
const view = (part: Partial<LiveView>): LiveView => ({
  ...{ stream: 'open', health: undefined, healthFault: undefined, heardAtMs: NOW, decisions: [] },
  ...part,
})

describe('the verdict', () => {
  it('is fit only when the box says that it is ready', () => {
    expect(verdictOf(view({ health: wellHealth }), NOW)).toMatchObject({
      fitness: 'fit',
      reasons: ['2 of 2 models decide.', 'Nothing needs attention.'],
    })
  })

  it('names what is wrong, and not what only has to be seen to', () => {
    const { fitness, reasons } = verdictOf(view({ health }), NOW)
    expect(fitness).toBe('limited')
    expect(reasons).toHaveLength(3)
    expect(reasons.join()).toContain('brain: The vendor has revoked')
    expect(reasons.join()).not.toContain('certificate')
  })

  it('is not without faults while there is an alarm that limits, whatever the status says', () => {
    const [, limit, watch] = health.alarms
    expect(verdictOf(view({ health: { ...wellHealth, alarms: [limit!] } }), NOW).fitness).toBe('limited')
    expect(verdictOf(view({ health: { ...wellHealth, alarms: [watch!] } }), NOW)).toMatchObject({
      fitness: 'fit',
      reasons: ['2 of 2 models decide.', '1 thing to see to soon: see the alarms.'],
    })
  })

  it('is not fit when nothing decides, or nothing is installed', () => {
    expect(verdictOf(view({ health: { ...health, status: 'unavailable' } }), NOW).fitness).toBe('unfit')
    expect(verdictOf(view({ health: emptyHealth }), NOW).reasons).toContain('No model is installed.')
  })

  it('is gone when the box has been silent, whatever it said before', () => {
    const silent = view({ health: wellHealth, healthFault: fault, heardAtMs: NOW - SILENT_AFTER_MS - 1 })
    expect(verdictOf(silent, NOW)).toMatchObject({ fitness: 'silent', title: 'Not fit for use: no verdict' })
    expect(verdictOf(view({ healthFault: fault, heardAtMs: undefined }), NOW).fitness).toBe('silent')
  })

  it('outlives one answer that did not come', () => {
    expect(verdictOf(view({ health: wellHealth, healthFault: fault, heardAtMs: NOW - 5000 }), NOW).fitness).toBe('fit')
  })

  it('is none before the first answer', () => {
    expect(verdictOf(view({ heardAtMs: undefined }), NOW).fitness).toBe('asking')
  })
})
