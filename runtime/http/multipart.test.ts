import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HttpError } from './errors.ts'
import { isBoundary, MultipartReader } from './multipart.ts'

const LIMITS = { maxParts: 8, maxPartHeaderBytes: 512, maxPartHeaders: 4 }
const MIB = 1024 * 1024

interface Read {
  readonly type: string | undefined
  readonly bytes: string
}

function sourceOf(pieces: readonly Uint8Array[]) {
  const left = [...pieces]
  const source = { asked: 0, next: async () => left.shift() }
  return {
    source,
    next: () => {
      source.asked += 1
      return source.next()
    },
  }
}

/** In pieces of these lengths, again and again. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}

async function readAll(pieces: readonly Uint8Array[], boundary = 'b', limits = LIMITS): Promise<Read[]> {
  const reader = new MultipartReader(sourceOf(pieces).next, boundary, limits)
  const parts: Read[] = []
  for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
    const got: Uint8Array[] = []
    for await (const piece of part.bytes) got.push(piece)
    parts.push({ type: part.type?.value, bytes: Buffer.concat(got).toString('latin1') })
  }
  return parts
}

const body = (text: string) => [Buffer.from(text, 'latin1')]
const codeOf = async (reading: Promise<unknown>) => {
  const error = await reading.then(
    () => undefined,
    (fault: unknown) => fault,
  )
  return error instanceof HttpError ? [error.code, error.about] : error
}
const bad = (about: string) => ['request_malformed', about]

describe('parts', () => {
  it('are read with their headers and bytes', async () => {
    const text = '--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nX: y\r\n\r\n\0\r\n-\r\n--a\r\n--b--\r\n'
    expect(await readAll(body(text))).toEqual([
      { type: 'application/json', bytes: '{}' },
      { type: undefined, bytes: '\0\r\n-\r\n--a' },
    ])
  })

  it('may be empty, have no headers, and end without a line', async () => {
    expect(await readAll(body('--b\r\n\r\n\r\n--b\r\n\r\nx\r\n--b--'))).toEqual([
      { type: undefined, bytes: '' },
      { type: undefined, bytes: 'x' },
    ])
    expect(await readAll(body('\r\n--b\r\n\r\nx\r\n--b--'))).toHaveLength(1)
    expect(await readAll(body('--b--'))).toEqual([])
  })

  it('are the same however the bytes come', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.constantFrom('\r', '\n', '-', 'b', '\r\n--', '\r\n--B')).map((all) => Buffer.from(all.join(''))),
    )
    const free = bytes.filter((some) => !Buffer.from(some).includes('\r\n--b'))
    await fc.assert(
      fc.asyncProperty(
        fc.array(free, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
        async (contents, lengths) => {
          const parts = contents.map((content) =>
            Buffer.concat([Buffer.from('--b\r\nA: 1\r\n\r\n'), content, Buffer.from('\r\n')]),
          )
          const whole = Buffer.concat([...parts, Buffer.from('--b--\r\n')])
          const expected = contents.map((content) => Buffer.from(content).toString('latin1'))
          const read = await readAll(cut(whole, lengths))
          expect(read.map((part) => part.bytes)).toEqual(expected)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('that nobody reads are passed over', async () => {
    const text = '--b\r\n\r\nfirst\r\n--b\r\n\r\nsecond\r\n--b--'
    const reader = new MultipartReader(sourceOf(cut(Buffer.from(text), [3])).next, 'b', LIMITS)
    const first = await reader.next()
    const second = await reader.next()
    const got: Uint8Array[] = []
    for await (const piece of second!.bytes) got.push(piece)
    expect(Buffer.concat(got).toString()).toBe('second')
    const late = first!.bytes[Symbol.asyncIterator]().next()
    await expect(late, 'bytes of the second are not those of the first').rejects.toThrow()
  })

  it('are asked for only when they are wanted', async () => {
    const pieces = [Buffer.from('--b\r\n\r\n'), ...Array.from({ length: 100 }, () => Buffer.alloc(1000, 'x'))]
    const { next, source } = sourceOf(pieces)
    const part = await new MultipartReader(next, 'b', LIMITS).next()
    expect(source.asked).toBe(1)
    const bytes = part!.bytes[Symbol.asyncIterator]()
    await bytes.next()
    expect(source.asked).toBe(2)
  })
})

describe('what is not parts', () => {
  it.each([
    ['nothing', '', bad('end of parts')],
    ['text before the first', 'hello\r\n--b\r\n\r\nx\r\n--b--', bad('boundary')],
    ['two lines before the first', '\r\n\r\n--b\r\n\r\nx\r\n--b--', bad('boundary')],
    ['another boundary', '--c\r\n\r\nx\r\n--c--', bad('boundary')],
    ['a longer boundary', '--bc\r\n\r\nx\r\n--b--', bad('boundary')],
    ['a longer boundary later', '--b\r\n\r\nx\r\n--bc\r\n\r\ny\r\n--b--', bad('boundary')],
    ['spaces after the boundary', '--b  \r\n\r\nx\r\n--b--', bad('boundary')],
    ['a bare line feed', '--b\n\nx\n--b--', bad('boundary')],
    ['one dash at the end', '--b\r\n\r\nx\r\n--b-', bad('end of parts')],
    ['no end', '--b\r\n\r\nx', bad('end of parts')],
    ['no end after headers', '--b\r\nA: 1\r\n', bad('end of parts')],
    ['half an end', '--b\r\n\r\nx\r\n--', bad('end of parts')],
    ['text after the end', '--b\r\n\r\nx\r\n--b--\r\nmore', bad('epilogue')],
    ['text right after the end', '--b\r\n\r\nx\r\n--b--more', bad('epilogue')],
    ['parts after the end', '--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--', bad('epilogue')],
    ['a folded header', '--b\r\nA: 1\r\n 2\r\n\r\nx\r\n--b--', bad('part headers')],
    ['a header without a name', '--b\r\n: 1\r\n\r\nx\r\n--b--', bad('part headers')],
    ['a header without a colon', '--b\r\nA\r\n\r\nx\r\n--b--', bad('part headers')],
    ['a space before the colon', '--b\r\nA : 1\r\n\r\nx\r\n--b--', bad('part headers')],
    ['a header twice', '--b\r\nA: 1\r\na: 2\r\n\r\nx\r\n--b--', bad('part headers')],
    ['a zero byte in a header', '--b\r\nA: \x001\r\n\r\nx\r\n--b--', bad('part headers')],
    ['a bare return in a header', '--b\r\nA: 1\r2\r\n\r\nx\r\n--b--', bad('part headers')],
    ['a type that cannot be read', '--b\r\nContent-Type: a/b; c\r\n\r\nx\r\n--b--', bad('part headers')],
    [
      'a compressed part',
      '--b\r\nContent-Encoding: gzip\r\n\r\nx\r\n--b--',
      ['request_unsupported_media_type', 'part'],
    ],
    [
      'a part in base64',
      '--b\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n--b--',
      ['request_unsupported_media_type', 'part'],
    ],
    ['many headers', `--b\r\n${'A: 1\r\n'.repeat(5)}\r\nx\r\n--b--`, ['request_headers_too_large', 'part']],
    ['a long header', `--b\r\nA: ${'1'.repeat(600)}\r\n\r\nx\r\n--b--`, ['request_headers_too_large', 'part']],
    ['headers without end', `--b\r\n${'a'.repeat(100_000)}`, ['request_headers_too_large', 'part']],
    ['many parts', `${'--b\r\n\r\n\r\n'.repeat(9)}--b--`, ['request_too_large', 'parts']],
  ])('%s', async (_, text, code) => {
    expect(await codeOf(readAll(body(text)))).toEqual(code)
    const bytes = Buffer.from(text, 'latin1')
    expect(await codeOf(readAll(cut(bytes, [1, 2, 5]))), 'in small pieces').toEqual(code)
  })

  it('any bytes: parts or a code, never anything else', async () => {
    const near = fc.array(
      fc.constantFrom('\r\n', '--b', '--', 'b', 'A: 1', 'Content-Type: a/b', '\r\n\r\n', '\n', ':', ' ', 'x', '\0'),
      { maxLength: 40 },
    )
    await fc.assert(
      fc.asyncProperty(near, fc.integer({ min: 1, max: 9 }), async (words, length) => {
        const bytes = Buffer.from(`--b\r\n${words.join('')}`)
        const code = await codeOf(readAll(cut(bytes, [length])))
        if (code !== undefined) expect(code).toEqual([expect.stringMatching(/^request_/), expect.any(String)])
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['', false],
    ['b', true],
    ['-', true],
    ['a b', true],
    ['a ', false],
    ['a\tb', false],
    ['ü', false],
    ['a"b', false],
    ['x'.repeat(70), true],
    ['x'.repeat(71), false],
  ])('boundary %j', (text, expected) => {
    expect(isBoundary(text)).toBe(expected)
  })
})

describe('bytes that are made to cost', () => {
  const boundary = 'a'.repeat(70)
  const almost = `\r\n--${'a'.repeat(69)}`
  it.each([
    ['letters of the boundary', 'a'],
    ['almost the boundary', almost],
    ['its beginning', '\r\n--'],
    ['returns', '\r'],
    ['returns and lines', '\r\n'],
    ['dashes', '-'],
  ])('%s: 16 MiB of them take seconds at most, in any pieces', async (_, unit) => {
    const filler = Buffer.alloc(16 * MIB, unit, 'latin1')
    const whole = Buffer.concat([Buffer.from(`--${boundary}\r\n\r\n`), filler, Buffer.from(`\r\n--${boundary}--`)])
    for (const length of [65_536, 1400]) {
      const startMs = performance.now()
      const reader = new MultipartReader(sourceOf(cut(whole, [length])).next, boundary, LIMITS)
      const part = await reader.next()
      let count = 0
      for await (const piece of part!.bytes) count += piece.length
      expect(count).toBe(filler.length)
      expect(await reader.next()).toBeUndefined()
      expect(performance.now() - startMs).toBeLessThan(8000)
    }
  })

  it('a body of one byte at a time', async () => {
    const whole = Buffer.from(`--b\r\nA: ${'1'.repeat(400)}\r\n\r\n${'x'.repeat(20_000)}\r\n--b--`)
    expect((await readAll(cut(whole, [1])))[0]?.bytes.length).toBe(20_000)
  })
})
