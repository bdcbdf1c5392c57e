import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCatalogue, parseCatalogue, UNLISTED } from './catalogue.ts'
import { OutboundError } from './errors.ts'
import {
  checkpointNote,
  decisionsMessage,
  encodeAck,
  encodeOutbound,
  MAX_OUTBOUND_BYTES,
  MAX_RECORDS,
  type OutboundContent,
  outboundSchemas,
  parseAck,
  parseOutbound,
  stateMessage,
} from './messages.ts'
import { FIRST_YEAR, LAST_YEAR, outboundRecord, yearOf } from './record.ts'
import { parseTopic, topicOf } from './topics.ts'

const record = outboundRecord.parse({
  kind: 'decision',
  model: 63,
  result: 'elevated',
  latency: 'under-100ms',
  alert: false,
  feedback: 'overridden',
  year: 2083,
})
const decisions = decisionsMessage.parse({ v: 1, stream: 0xffff_ffff, first: 2 ** 40, records: [record] })
const topic = topicOf('demo', 'box-1', 'decisions')
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const code = (work: () => unknown) => {
  try {
    work()
    return 'no error'
  } catch (error) {
    return error instanceof OutboundError ? error.code : error
  }
}

describe('messages', () => {
  it('come back as they were sent', () => {
    const offline = stateMessage.parse({ v: 1, status: 'offline', stream: 1, boot: 2, how: 'lost' })
    const contents: OutboundContent[] = [
      { leaf: 'decisions', message: decisions },
      { leaf: 'state', message: offline },
    ]
    for (const content of contents) {
      const sent = encodeOutbound(content)
      expect(parseOutbound(topicOf('demo', 'box-1', content.leaf), sent)).toEqual({
        site: 'demo',
        device: 'box-1',
        ...content,
      })
    }
    expect(parseAck(encodeAck({ v: 1, stream: 7, through: 0 }))).toEqual({ v: 1, stream: 7, through: 0 })
  })

  it('fit their limit at their largest', () => {
    const largest = decisionsMessage.parse({ ...decisions, records: Array.from({ length: MAX_RECORDS }, () => record) })
    expect(encodeOutbound({ leaf: 'decisions', message: largest }).length).toBeLessThan(MAX_OUTBOUND_BYTES / 4)
  })

  it.each([
    ['a field more', { ...decisions, note: 'Mustermann' }],
    ['a field more in a record', { ...decisions, records: [{ ...record, note: 'Mustermann' }] }],
    ['no record', { ...decisions, records: [] }],
    ['65 records', { ...decisions, records: Array.from({ length: 65 }, () => record) }],
    ['another version', { ...decisions, v: 2 }],
    ['a sequence of 0', { ...decisions, first: 0 }],
    ['a fraction', { ...decisions, first: 1.5 }],
    ['a model by name', { ...decisions, records: [{ ...record, model: 'news2' }] }],
    ['a moment', { ...decisions, records: [{ ...record, year: 20_260_101 }] }],
  ])('%s is refused, both ways', (_what, message) => {
    const sorted = JSON.parse(JSON.stringify(message, Object.keys(message).sort())) as unknown
    expect(code(() => encodeOutbound({ leaf: 'decisions', message } as never))).toBe('outbound_message_invalid')
    expect(code(() => parseOutbound(topic, bytes(sorted)))).toBe('outbound_message_invalid')
  })

  it('have one spelling', () => {
    const sent = new TextDecoder().decode(encodeOutbound({ leaf: 'decisions', message: decisions }))
    for (const spelled of [` ${sent}`, sent.replace('"v":1', '"v":1.0'), sent.replace('{"f', '{"v":1,"f')])
      expect(code(() => parseOutbound(topic, new TextEncoder().encode(spelled)))).toBe('outbound_message_invalid')
  })

  it('any bytes on any topic are read or refused with a code, and nothing sent is in the error', () => {
    const canary = 'Mustermann'
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.json().map((text) => new TextEncoder().encode(text)),
        ),
        fc.constantFrom(topic, topicOf('demo', 'box-1', 'state'), topicOf('demo', 'box-1', 'decisions/ack'), 'x'),
        (sent, where) => {
          expect(code(() => parseOutbound(where, sent))).toMatch(/^outbound_/)
        },
      ),
    )
    try {
      parseOutbound(topic, bytes({ v: canary, records: canary }))
    } catch (error) {
      const told = error as OutboundError
      expect(`${told.message} ${told.stack} ${String(told.cause)}`).not.toContain(canary)
    }
    expect(code(() => parseOutbound(topic, new Uint8Array(MAX_OUTBOUND_BYTES + 1)))).toBe('outbound_message_invalid')
  })

  it('no schema takes a text but the hash and the signature of a checkpoint', () => {
    const texts = Object.entries(outboundSchemas).flatMap(
      ([leaf, schema]) =>
        JSON.stringify(schema.toJSONSchema())
          .match(/"pattern"/g)
          ?.map(() => leaf) ?? [],
    )
    expect(texts).toEqual(['audit/checkpoint', 'audit/checkpoint'])
  })
})

describe('topics', () => {
  it('name site, device and leaf, and nothing that MQTT reads as a wildcard', () => {
    expect(parseTopic('wardstone/v1/demo/box-1/audit/checkpoint')).toEqual({
      site: 'demo',
      device: 'box-1',
      leaf: 'audit/checkpoint',
    })
    for (const wrong of [
      'a/b',
      'wardstone/v1/+/box-1/state',
      'wardstone/v2/demo/box-1/state',
      `${topic}/x`,
      'x'.repeat(70_000),
    ])
      expect(code(() => parseTopic(wrong))).toBe('outbound_topic_unknown')
    for (const name of ['+', '#', 'a/b', '', 'A', 'x'.repeat(64)])
      expect(code(() => topicOf('demo', name, 'state'))).toBe('outbound_topic_unknown')
  })
})

describe('the year', () => {
  it('is all that is said of a moment', () => {
    const years = [Date.UTC(2026, 11, 31, 23, 59), Date.UTC(1970, 0), Date.UTC(9999, 0), Number.NaN, 1e300].map(yearOf)
    expect(years).toEqual([2026, FIRST_YEAR, LAST_YEAR, FIRST_YEAR, FIRST_YEAR])
  })
})

describe('the catalogue', () => {
  const entries = [
    { number: 1, model: 'news2', release: 1, version: '1.0.0' },
    { number: 2, model: 'news2', release: 2, version: '1.1.0' },
  ]

  it('gives a model its number, and what it does not list no name', () => {
    const catalogue = parseCatalogue(bytes({ v: 1, models: entries }))
    expect(catalogue.numberOf('news2', 2)).toBe(2)
    expect(catalogue.numberOf('Mustermann', 2)).toBe(UNLISTED)
    expect(catalogue.entryOf(1)).toEqual(entries[0])
    expect(catalogue.entryOf(0)).toBeUndefined()
  })

  it.each([
    ['a number twice', [entries[0], { ...entries[1], number: 1 }]],
    ['a model twice', [entries[0], { ...entries[0], number: 3 }]],
    ['number 0', [{ ...entries[0], number: 0 }]],
    ['number 64', [{ ...entries[0], number: 64 }]],
    ['a field more', [{ ...entries[0], note: 'x' }]],
  ])('refuses %s', (_what, models) => {
    expect(code(() => parseCatalogue(bytes({ v: 1, models })))).toBe('outbound_catalogue_invalid')
  })

  it('may be empty', () => {
    expect(createCatalogue([]).numberOf('news2', 1)).toBe(UNLISTED)
  })
})

describe('a checkpoint', () => {
  it('becomes the signed note again', () => {
    const message = outboundSchemas['audit/checkpoint'].parse({
      v: 1,
      size: 3,
      root: 'ab'.repeat(32),
      signature: 'cd'.repeat(68),
    })
    const [origin, size, root, empty, line] = checkpointNote('example.org/log', message).split('\n')
    expect([origin, size, empty]).toEqual(['example.org/log', '3', ''])
    expect(Buffer.from(root ?? '', 'base64').toString('hex')).toBe('ab'.repeat(32))
    expect(line).toMatch(/^— example\.org\/log \S+$/)
  })
})
