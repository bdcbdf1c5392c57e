import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { JSON_TYPE } from './media-type.ts'
import { openApiDocument } from './openapi.ts'
import { decisionIdSchema } from './request-schemas.ts'
import { type Route, routeNames, routes } from './routes.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly pattern?: string
  readonly enum?: readonly unknown[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly propertyNames?: Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly const?: unknown
  readonly allOf?: readonly Schema[]
}

const KIB = 1024
const hostile: readonly [name: string, make: (units: number) => string][] = [
  ['one letter', (units) => 'a'.repeat(units)],
  ['combining marks out of order', (units) => `a${'\u0301\u0316'.repeat(units / 2)}`],
  ['a control sign at the end', (units) => `${'a'.repeat(units)}\0`],
  ['control signs', (units) => '\u0007'.repeat(units)],
  ['halves of surrogates', (units) => '\ud83d'.repeat(units)],
  ['whole surrogates', (units) => '\u{1f600}'.repeat(units / 2)],
  ['spaces', (units) => `a${' '.repeat(units)}a`],
  ['digits', (units) => `${'2026-01-05T10:00:00.'}${'1'.repeat(units)}`],
  ['zeros of an offset', (units) => '-00:00'.repeat(units / 6)],
  ['type and parameters', (units) => `application/json;${' '.repeat(units)}charset=utf-8;`],
  ['type and spaces', (units) => `application/json${' '.repeat(units)};`],
]

/** Bodies that follow the shape of a schema, with `text` in one place where a string can stand; every place has its turn. */
function* bodiesWith(schema: Schema, text: string): Generator<unknown> {
  if (schema.type === 'string') yield text
  for (const branch of schema.anyOf ?? schema.oneOf ?? []) yield* bodiesWith(branch, text)
  if (schema.items !== undefined) for (const item of bodiesWith(schema.items, text)) yield [item]
  if (schema.type !== 'object') return
  const usual = plain(schema) as Record<string, unknown>
  yield { ...usual, [text]: 'x' }
  for (const [name, member] of Object.entries(schema.properties ?? {}))
    for (const value of bodiesWith(member, text)) yield { ...usual, [name]: value }
  if (typeof schema.additionalProperties !== 'object') return
  yield { [text]: plain(schema.additionalProperties) }
  for (const value of bodiesWith(schema.additionalProperties, text)) yield { name: value }
}

function plain(schema: Schema): unknown {
  const [first] = schema.anyOf ?? schema.oneOf ?? []
  if (first !== undefined) return plain(first)
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.type === 'object') {
    const members = Object.entries(schema.properties ?? {}).map(([name, member]) => [name, plain(member)])
    return Object.fromEntries(members)
  }
  if (schema.type === 'array') return [plain(schema.items ?? {})]
  return schema.type === 'string' ? 'x' : 1
}

/** Milliseconds that a piece of work takes; the best of three, so that a busy machine does not look like a slow parser. */
function bestMs(work: () => void): number {
  const times = Array.from({ length: 3 }, () => {
    const startMs = performance.now()
    work()
    return performance.now() - startMs
  })
  return Math.min(...times)
}

/** Twice the input takes about twice the time; quadratic work takes four times, and seconds where this takes none. */
function expectLinear(workOn: (units: number) => () => void, place: string): void {
  for (const units of [32 * KIB, 64 * KIB, 512 * KIB]) {
    const [once, twice] = [bestMs(workOn(units)), bestMs(workOn(2 * units))]
    expect(twice, `${place}: ${units} units took ${once} ms`).toBeLessThan(3 * once + 200)
  }
}

const bodies = routeNames.flatMap((name) => {
  const { body }: Route = routes[name]
  return body === undefined ? [] : ([[name, body]] as const)
})

describe('a text of any length in any place of a body', () => {
  for (const [name, schema] of bodies) {
    const shape = z.toJSONSchema(schema, { io: 'input' }) as Schema
    it(`${name} has places for texts`, () => {
      expect([...bodiesWith(shape, 'text')].length).toBeGreaterThan(0)
    })
    it.each(hostile)(`${name}: %s is refused in bounded time`, (_, make) => {
      const places = [...bodiesWith(shape, '')].length
      for (let place = 0; place < places; place += 1) {
        const bodyOf = (text: string) => [...bodiesWith(shape, text)][place]
        const parseOf = (units: number) => {
          const sent = bodyOf(make(units))
          return () => void schema.safeParse(sent)
        }
        expectLinear(parseOf, `place ${place}`)
        expect(schema.safeParse(bodyOf(make(KIB * KIB))).success).toBe(false)
      }
    })
  }
})

/** Every `pattern` of the document: those of what comes in and of what goes out. */
function patternsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const own = 'pattern' in value && typeof value.pattern === 'string' ? [value.pattern] : []
  return [...own, ...Object.values(value).flatMap(patternsIn)]
}

describe('every pattern takes linear time on its own', () => {
  const ofDocument = [...new Set(patternsIn(openApiDocument()))].map((pattern) => new RegExp(pattern, 'u'))
  const ofPaths = patternsIn(z.toJSONSchema(decisionIdSchema)).map((pattern) => new RegExp(pattern, 'u'))
  const patterns = [...ofDocument, ...ofPaths, JSON_TYPE]
  it('finds the patterns', () => {
    expect(patterns.length).toBeGreaterThan(8)
  })
  it.each(patterns.map((pattern) => [pattern.source, pattern] as const))('%s', (_, pattern) => {
    for (const [name, make] of hostile) {
      const testOf = (units: number) => {
        const sent = make(units)
        return () => void pattern.test(sent)
      }
      expectLinear(testOf, name)
    }
  })
})
