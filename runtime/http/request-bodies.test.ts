import { describe, expect, it } from 'vitest'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { Phi } from '../../device/platform/phi.ts'
import { parseDecisionId, parseDecisionRequest, parseFeedback } from './request-bodies.ts'

const NOW = Date.UTC(2026, 0, 5, 12)
const CANARY = 'Mustermann'
const known = () => new Set(['heart-rate'])
const body = (change: object = {}) => ({ model: 'news2', subject: 'p-1', inputs: {}, ...change })
const withInput = (sent: unknown, name = 'heart-rate') => body({ inputs: { [name]: sent } })

function fault(value: unknown): string {
  try {
    parseDecisionRequest(value, NOW, known)
  } catch (error) {
    if (isWardstoneError(error)) {
      expect(error.message).not.toContain(CANARY)
      return `${error.code}: ${error.about}`
    }
    throw error
  }
  return 'taken'
}

describe('decision request', () => {
  it('is translated: purpose and time have defaults, single observations become lists', () => {
    const at = '2026-01-05T13:30:00.250+02:00'
    const sent = body({
      inputs: {
        a: { value: 1, unit: '/min' },
        b: [
          { value: 'A', at },
          { value: true, at },
        ],
      },
    })
    const atMs = Date.UTC(2026, 0, 5, 11, 30, 0, 250)
    const request = parseDecisionRequest(sent, NOW, known)
    expect(Phi.reveal(request.subject!)).toBe('p-1')
    expect({ ...request, subject: String(request.subject) }).toEqual({
      model: 'news2',
      subject: '[phi]',
      purpose: 'treatment',
      inputs: {
        a: [{ value: 1, unit: '/min', atMs: NOW }],
        b: [
          { value: 'A', unit: undefined, atMs },
          { value: true, unit: undefined, atMs },
        ],
      },
    })
  })

  it.each([
    ['no subject', { model: 'news2', inputs: {} }, 'subject'],
    ['an unknown member', body({ [CANARY]: 1 }), 'body'],
    ['a subject that is a number', body({ subject: 12 }), 'subject'],
    ['an empty subject', body({ subject: '' }), 'subject'],
    ['a subject with a space at its end', body({ subject: `${CANARY} ` }), 'subject'],
    ['a subject with a space at its start', body({ subject: ` ${CANARY}` }), 'subject'],
    ['a subject with a line break', body({ subject: `${CANARY}\n` }), 'subject'],
    ['a subject with a zero byte', body({ subject: `${CANARY}\0` }), 'subject'],
    ['a subject that writes backwards', body({ subject: `\u202e${CANARY}` }), 'subject'],
    ['a subject with an invisible sign', body({ subject: `${CANARY}\u200b` }), 'subject'],
    ['a subject in two spellings', body({ subject: 'Jose\u0301' }), 'subject'],
    ['a subject of 129 signs', body({ subject: 'x'.repeat(129) }), 'subject'],
    ['an unknown purpose', body({ purpose: CANARY }), 'purpose'],
    ['a model that is a path', body({ model: '../news2' }), 'model'],
    ['inputs that are a list', body({ inputs: [] }), 'inputs'],
    ['an input name of the sender', withInput({ value: 1 }, CANARY), 'inputs.*'],
    ['an unknown member of an observation', withInput({ value: 1, [CANARY]: 2 }), 'inputs.heart-rate'],
    ['an unlisted input', withInput({ value: {} }, 'mustermann'), 'inputs.*.value.dims'],
    ['a value that is an object', withInput({ value: { [CANARY]: 1 } }), 'inputs.heart-rate.value.dims'],
    ['a tensor without elements', withInput({ value: { dims: [1] } }), 'inputs.heart-rate.value.data'],
    [
      'a tensor with text',
      withInput({ value: { dims: [1], data: [CANARY.repeat(9)] } }),
      'inputs.heart-rate.value.data[0]',
    ],
    ['a value that is null', withInput({ value: null }), 'inputs.heart-rate.value'],
    ['a value with control signs', withInput({ value: `${CANARY}\u0007` }), 'inputs.heart-rate.value'],
    ['no value', withInput({ unit: 'mm' }), 'inputs.heart-rate.value'],
    ['a unit that is a number', withInput({ value: 1, unit: 3 }), 'inputs.heart-rate.unit'],
    ['a unit with a space', withInput({ value: 1, unit: 'per minute' }), 'inputs.heart-rate.unit'],
    ['an empty list', withInput([]), 'inputs.heart-rate'],
    ['a list without times', withInput([{ value: 1 }]), 'inputs.heart-rate[0].at'],
    ['a time without offset', withInput({ value: 1, at: '2026-01-05T10:00:00' }), 'inputs.heart-rate.at'],
    ['a time without seconds', withInput({ value: 1, at: '2026-01-05T10:00Z' }), 'inputs.heart-rate.at'],
    ['a day that does not exist', withInput({ value: 1, at: '2026-02-30T10:00:00Z' }), 'inputs.heart-rate.at'],
    ['an hour that does not exist', withInput({ value: 1, at: '2026-02-03T24:00:00Z' }), 'inputs.heart-rate.at'],
    ['an offset that does not exist', withInput({ value: 1, at: '2026-02-03T10:00:00+25:00' }), 'inputs.heart-rate.at'],
    ['an offset that is not known', withInput({ value: 1, at: '2026-02-03T10:00:00-00:00' }), 'inputs.heart-rate.at'],
    ['a time in milliseconds', withInput({ value: 1, at: NOW }), 'inputs.heart-rate.at'],
  ])('with %s is refused', (_, sent, about) => {
    expect(fault(sent)).toBe(`request_malformed: ${about}`)
  })

  it('takes subjects as hospitals write them', () => {
    for (const subject of ['4711', 'MRN 0042/7', 'x'.repeat(128), 'José Ñandú', '患者42', 'a+b@c^d|e']) {
      expect(fault(body({ subject }))).toBe('taken')
    }
  })

  it('takes offsets of nothing, and characters that are two units', () => {
    for (const at of ['2026-02-03T10:00:00Z', '2026-02-03T10:00:00+00:00', '2026-02-03T10:00:00.123456-05:00'])
      expect(fault(withInput({ value: 1, at }))).toBe('taken')
    expect(fault(body({ subject: '\u{20000}'.repeat(128) }))).toBe('taken')
    expect(fault(body({ subject: '\u{20000}'.repeat(129) }))).toBe('request_malformed: subject')
  })

  it('takes 1000 observations and not 1001, 256 inputs and not 257', () => {
    const one = { value: 1, at: '2026-01-05T10:00:00Z' }
    expect(fault(withInput(Array(1000).fill(one)))).toBe('taken')
    expect(fault(withInput(Array(1001).fill(one)))).toBe('request_malformed: inputs.heart-rate')
    const inputs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`i-${n}`, one]))
    expect(fault(body({ inputs: inputs(256) }))).toBe('taken')
    expect(fault(body({ inputs: inputs(257) }))).toBe('request_malformed: inputs')
  })

  it('names at most eight places', () => {
    const inputs = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x${n}`, Array(10).fill({ value: null })]))
    expect(fault(body({ inputs })).split(', ').length).toBeLessThanOrEqual(8)
  })
})

describe('feedback and ids', () => {
  it('takes a reason of up to 2000 signs on one line', () => {
    expect(parseFeedback({ verdict: 'accept', reason: 'r'.repeat(2000) }).verdict).toBe('accept')
    for (const reason of ['', '   ', 'r'.repeat(2001), 'a\0b', 'a\nb', 7, null]) {
      expect(() => parseFeedback({ verdict: 'accept', reason })).toThrow('reason')
    }
    for (const reason of ['\ud83d', 'a\u0378', '\u200b \ue000', '\u202elamron', 'a\u2067b'])
      expect(() => parseFeedback({ verdict: 'accept', reason })).toThrow('reason')
    for (const reason of ['.', ' a', 'a\u200bb', 'a\u200fb', 'Zu fr\u00fch; \u{1f600}'])
      expect(parseFeedback({ verdict: 'accept', reason }).reason).toBe(reason)
    expect(() => parseFeedback({ verdict: 'maybe', reason: 'r' })).toThrow('verdict')
    expect(() => parseFeedback({ verdict: 'accept', reason: 'r', by: 'other' })).toThrow('body')
  })

  it('takes UUIDs in lower case as ids and nothing else', () => {
    const id = '0f8c1e52-6f0e-4f5b-9d3c-2b7a51c0e9d4'
    expect(parseDecisionId(id)).toBe(id)
    for (const other of [undefined, '', id.toUpperCase(), `${id} `, `${id}\n`, id.replaceAll('-', ''), CANARY]) {
      expect(() => parseDecisionId(other)).toThrow('id')
    }
  })
})
