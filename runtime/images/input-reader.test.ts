import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import type { ImageInput } from './image-input.ts'
import { InputReader } from './input-reader.ts'
import type { InputPace } from './limits.ts'

const limits = { maxFiles: 3, maxInputBytes: 100 }
const pace: InputPace = { idleMs: 150, graceMs: 400, bytesPerSecond: 1000 }
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const three = Buffer.from('abc')

const open = (input: ImageInput, other: Partial<InputPace> = {}): InputReader =>
  new InputReader(input, limits, { ...pace, ...other }, systemClock)

async function readAll(reader: InputReader): Promise<string> {
  const parts: string[] = []
  for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
    parts.push(part === 'end-of-file' ? '|' : Buffer.from(part).toString('latin1'))
  }
  return parts.join(' ')
}

async function* each<Item>(...items: readonly Item[]): AsyncGenerator<Item> {
  for (const item of items) yield item
}

describe('an input', () => {
  it.each<[string, () => ImageInput, string]>([
    ['one whole file', () => three, 'abc |'],
    ['whole files', () => [three, three], 'abc | abc |'],
    ['files that come one after the other, in pieces', () => each(each(three, three), each(three)), 'abc abc | abc |'],
    ['an empty file', () => [each()], '|'],
    ['empty pieces', () => [each(new Uint8Array(), three, new Uint8Array())], 'abc |'],
    ['nothing', () => [], ''],
  ])('is read part by part: %s', async (_name, input, expected) => {
    expect(await readAll(open(input()))).toBe(expected)
  })

  it('is counted and hashed file by file, in the order in which they come', async () => {
    const reader = open([each(three, Buffer.from('d')), Buffer.from('e')])
    await readAll(reader)
    expect(reader.files).toEqual([
      { sha256: sha256(Buffer.from('abcd')), bytes: 4 },
      { sha256: sha256(Buffer.from('e')), bytes: 1 },
    ])
  })

  it.each<[string, () => ImageInput, object]>([
    ['one byte too many', () => [new Uint8Array(60), new Uint8Array(41)], { code: 'image_too_large', about: 'input' }],
    ['one file too many', () => [three, three, three, three], { code: 'image_too_complex', about: 'files' }],
    ['files without end', endlessFiles, { code: 'image_too_complex', about: 'files' }],
    ['what is no bytes', () => [each('Mustermann' as unknown as Uint8Array)], { code: 'image_input_failed' }],
    ['what is no file', () => [7 as unknown as Uint8Array], { code: 'image_input_failed' }],
  ])('is refused when it is %s', async (_name, input, error) => {
    const reading = readAll(open(input()))
    await expect(reading).rejects.toMatchObject(error)
    await expect(reading).rejects.not.toThrow(/Mustermann/)
  })

  it('of pieces of nothing, without end, lets others have their turn, and ends with its pace', async () => {
    const started = performance.now()
    let turns = 0
    const timer = setInterval(() => (turns += 1), 20)
    const reader = open([nothings()])
    setTimeout(() => reader.close(), 300)
    await expect(readAll(reader)).rejects.toMatchObject({ code: 'image_input_failed' })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
    expect(performance.now() - started).toBeLessThan(2000)
  })
})

describe('a sender', () => {
  it('that says nothing is given up after the longest pause', async () => {
    const started = performance.now()
    const reading = readAll(open([silent()]))
    await expect(reading).rejects.toMatchObject({ code: 'image_input_failed', about: 'input' })
    expect(performance.now() - started).toBeLessThan(1500)
  })

  it('that sends a byte now and then is given up when the bytes are not worth the waiting', async () => {
    const started = performance.now()
    const reading = readAll(open([trickle(Number.POSITIVE_INFINITY)]))
    await expect(reading).rejects.toMatchObject({ code: 'image_input_failed', about: 'input' })
    expect(performance.now() - started).toBeGreaterThan(300)
    expect(performance.now() - started).toBeLessThan(3000)
  })

  it('that pauses now and then is waited for', async () => {
    expect(await readAll(open([trickle(3)], { idleMs: 5000, graceMs: 5000 }))).toBe('. . . |')
  })

  it('is not slow while it is we who do not read', async () => {
    const reader = open(each(three, three, three))
    await reader.next()
    await sleep(600)
    expect(await readAll(reader)).toBe('| abc | abc |')
  })

  it('is told when no more is wanted, and what is waited for fails', async () => {
    let told = 0
    const next = (): Promise<IteratorResult<Uint8Array>> => new Promise(() => {})
    const end = (): Promise<IteratorResult<Uint8Array>> => {
      told += 1
      return Promise.reject(new RangeError('Mustermann'))
    }
    const reader = open([{ [Symbol.asyncIterator]: () => ({ next, return: end }) }])
    const waiting = reader.next()
    await sleep(20)
    reader.close()
    await expect(waiting).rejects.toMatchObject({ code: 'image_input_failed' })
    await expect(reader.next()).rejects.toMatchObject({ code: 'image_input_failed' })
    expect(told).toBe(1)
  })
})

function* endlessFiles(): Generator<Uint8Array> {
  for (;;) yield new Uint8Array()
}

async function* nothings(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array()
}

async function* silent(): AsyncGenerator<Uint8Array> {
  yield three
  await new Promise<never>(() => {})
}

async function* trickle(count: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < count; sent += 1) {
    await sleep(40)
    yield Buffer.from('.')
  }
}
