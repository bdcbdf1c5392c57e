import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FakeClock } from '../testkit/fake-clock.ts'
import { createLog, type LogFields, silentLog } from './log.ts'

function record(minimum?: 'debug' | 'info' | 'warn' | 'error') {
  const lines: string[] = []
  const log = createLog(new FakeClock(Date.UTC(2026, 0, 2)), (line) => lines.push(line), minimum)
  return { log, lines }
}

describe('the log', () => {
  it('writes one JSON object per line with time, level, event and fields', () => {
    const { log, lines } = record()
    log.warn('worker.restarted', { modelId: 'news2', count: 2, isolated: true, absent: undefined })
    const expected = { level: 'warn', event: 'worker.restarted', modelId: 'news2', count: 2, isolated: true }
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0]!)).toEqual({ at: '2026-01-02T00:00:00.000Z', ...expected })
    expect(lines[0]!.endsWith('\n')).toBe(true)
  })

  it('writes from its minimum level up', () => {
    for (const [minimum, count] of [
      ['debug', 4],
      ['info', 3],
      ['warn', 2],
      ['error', 1],
    ] as const) {
      const { log, lines } = record(minimum)
      for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]('event')
      expect(lines).toHaveLength(count)
    }
  })

  it('writes nothing that is not an identifier', () => {
    const { log, lines } = record()
    const texts = ['two words', 'PID|1||123^^^', '{"a":1}', 'Müller', 'a\nb', '', 'x'.repeat(129)]
    for (const text of texts) log.info('event', { text })
    for (const line of lines) expect(JSON.parse(line).text).toBe('[redacted]')
    log.info('event', { id: 'dec_01/news2@1.0.0+a:b-c' })
    expect(JSON.parse(lines.at(-1)!).id).toBe('dec_01/news2@1.0.0+a:b-c')
  })

  it('stays one line per call whatever a field holds', () => {
    const field = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean())
    fc.assert(
      fc.property(fc.dictionary(fc.string(), field), (fields: LogFields) => {
        const { log, lines } = record()
        log.error('event', fields)
        expect(lines).toHaveLength(1)
        expect(lines[0]!.indexOf('\n')).toBe(lines[0]!.length - 1)
      }),
    )
  })

  it('can be silent', () => {
    for (const level of ['debug', 'info', 'warn', 'error'] as const) expect(silentLog[level]('event')).toBeUndefined()
  })
})
