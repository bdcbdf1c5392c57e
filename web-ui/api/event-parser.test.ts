import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventParser, MAX_EVENT_CHARACTERS } from './event-parser.ts'

const stream =
  'event: hello\ndata: {"resumed":false}\n\n: keep\n\nid: a-1\nevent: decision\ndata: {"at":1}\n\r\ndata:x\ndata: y\r\n\r\n'

describe('the reader of event streams', () => {
  it('reads types, ids and data, and passes over comments', () => {
    expect(new EventParser().feed(stream)).toEqual([
      { type: 'hello', data: '{"resumed":false}', lastId: '' },
      { type: 'decision', data: '{"at":1}', lastId: 'a-1' },
      { type: 'message', data: 'x\ny', lastId: 'a-1' },
    ])
  })

  it('reads the same in pieces of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 }), (sizes) => {
        const parser = new EventParser()
        const events = []
        let rest = stream
        for (const size of [...sizes, stream.length]) {
          events.push(...(parser.feed(rest.slice(0, size)) ?? []))
          rest = rest.slice(size)
        }
        expect(events).toEqual(new EventParser().feed(stream))
      }),
    )
  })

  it('keeps an event back until its empty line has come', () => {
    const parser = new EventParser()
    expect(parser.feed('data: {"a":')).toEqual([])
    expect(parser.feed('1}\n')).toEqual([])
    expect(parser.feed('\n')).toHaveLength(1)
  })

  it('goes on behind the id that it began with', () => {
    expect(new EventParser('a-7').feed('data: 1\n\n')?.[0]?.lastId).toBe('a-7')
  })

  it('ends when an event grows without end, with or without line ends', () => {
    const parser = new EventParser()
    expect(parser.feed('data: '.padEnd(MAX_EVENT_CHARACTERS + 7, 'x'))).toBeUndefined()
    const lines = new EventParser()
    expect(lines.feed(`data: ${'x'.repeat(1000)}\n`.repeat(MAX_EVENT_CHARACTERS / 1000 + 1))).toBeUndefined()
  })
})
