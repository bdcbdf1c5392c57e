import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import { AlarmTimes, boxAlarms, type RaisedAlarm, slotFindings } from './alarms.ts'
import { reportHealth } from './report.ts'
import { ImageBench, imageContract } from './testkit/image-bench.ts'
import { RecordBox } from './testkit/record-box.ts'
import type { Slot } from './types.ts'

const start = Date.parse('2026-01-05T10:00:00Z')
const raised = (code: string, severity: RaisedAlarm['severity'], about?: string): RaisedAlarm => ({
  code,
  severity,
  slot: null,
  text: 'Text.',
  todo: 'Todo.',
  ...(about === undefined ? {} : { about }),
})

describe('alarms', () => {
  it('stand since they were first seen, and anew when they come again', () => {
    const clock = new FakeClock(start)
    const times = new AlarmTimes(clock)
    const since = (...alarms: RaisedAlarm[]) => times.of(alarms).map(({ since }) => since?.slice(14, 19))
    expect(since(raised('a', 'watch'))).toEqual(['00:00'])
    clock.advance(60_000)
    expect(since(raised('a', 'watch'), raised('b', 'watch'))).toEqual(['00:00', '01:00'])
    clock.advance(60_000)
    expect(since(raised('b', 'watch'))).toEqual(['01:00'])
    expect(since(raised('a', 'watch'))).toEqual(['02:00'])
  })

  it('of one kind about two things are two', () => {
    const clock = new FakeClock(start)
    const times = new AlarmTimes(clock)
    times.of([raised('disk', 'watch', '/a')])
    clock.advance(60_000)
    const both = times.of([raised('disk', 'watch', '/a'), raised('disk', 'watch', '/b')])
    expect(both.map(({ since }) => since?.slice(14, 19))).toEqual(['00:00', '01:00'])
    expect(Object.keys(both[0]!)).not.toContain('about')
  })

  it('come with the worst first', () => {
    const times = new AlarmTimes(new FakeClock(start))
    const alarms = times.of([raised('a', 'watch'), raised('b', 'limit'), raised('c', 'stop'), raised('d', 'limit')])
    expect(alarms.map(({ code }) => code)).toEqual(['c', 'b', 'd', 'a'])
  })
})

describe('of the slots', () => {
  const box = new RecordBox()
  const slots = new Map<string, Slot>([
    ['one', { state: 'loading' }],
    ['two', { state: 'unavailable', fault: 'package_signature_invalid' }],
    ['three', { state: 'unavailable', fault: 'a_code_of_tomorrow' }],
    ['four', { state: 'active', model: box.model, fault: 'package_revoked' }],
  ])

  it('there is one for each fault, and each says what to do', () => {
    const findings = slotFindings(slots)
    expect(reportHealth({ slots }, '0', 0).faults).toEqual(findings.map(({ fault }) => fault))
    for (const { fault, alarm } of findings) {
      expect(fault.startsWith(`${alarm.slot}: `)).toBe(true)
      expect(alarm.todo).toMatch(/^[A-Z].{10,}\.$/)
      expect(alarm.text).not.toContain('undefined')
    }
    expect(findings.map(({ alarm }) => [alarm.slot, alarm.code, alarm.severity])).toEqual([
      ['one', 'model_loading', 'stop'],
      ['two', 'package_signature_invalid', 'stop'],
      ['three', 'a_code_of_tomorrow', 'stop'],
      ['four', 'package_revoked', 'limit'],
      ['four', 'worker_not_isolated', 'limit'],
    ])
  })

  it('what is wrong with the box has no slot', () => {
    const concern = { code: 'posture_swap', severity: 'limit', text: 'Swap is on.', todo: 'Switch it off.' } as const
    expect(boxAlarms([concern])).toEqual([{ ...concern, slot: null }])
  })

  it('a model whose gate nothing can answer is one before anybody asks it', () => {
    const gate = { model: 'absent', output: 'finding', low: 0.5, high: 1, reason: 'no chest' }
    const { model } = new ImageBench(imageContract([gate]))
    const asking = new Map<string, Slot>([['radiograph', { state: 'active', model }]])
    const [found] = slotFindings(asking).filter(({ alarm }) => alarm.code === 'gate_closed')
    expect(found?.alarm).toMatchObject({ slot: 'radiograph', about: 'absent', severity: 'stop' })
    expect(found?.fault).toMatch(/^radiograph: the model asks the slot absent /)
    expect(reportHealth({ slots: asking }, '0', 0).status).toBe('degraded')
  })
})
