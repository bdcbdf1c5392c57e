import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { acknowledgedCapacity } from './acknowledged-capacity.ts'
import { type Capacity, capacityOf } from './capacity.ts'
import { OutboundError } from './errors.ts'
import { outboundSchemas } from './messages.ts'
import { outboundRecord } from './record.ts'
import { outboundLeaves } from './topics.ts'

const rounded = ({ content, drawn, hash }: Capacity): Capacity => ({
  content: Math.ceil(content),
  drawn: Math.ceil(drawn),
  hash: Math.ceil(hash),
})
const failure = (schema: z.ZodType) => {
  try {
    return capacityOf(schema)
  } catch (error) {
    return error instanceof OutboundError ? `${error.code} ${error.about}` : error
  }
}

describe('what a message can carry', () => {
  it.each(outboundLeaves)('%s: no more than somebody has agreed to', (leaf) => {
    expect(rounded(capacityOf(outboundSchemas[leaf]))).toEqual(acknowledgedCapacity[leaf])
  })

  it('is what counting all values gives', () => {
    const small = z.strictObject({
      a: z.enum(['x', 'y', 'z']),
      b: z.int().min(-2).max(3),
      c: z.boolean().nullable(),
      d: z.array(z.int().min(0).max(1)).min(1).max(3),
      e: z.literal(1),
      f: z.discriminatedUnion('t', [
        z.strictObject({ t: z.literal('p'), g: z.boolean() }),
        z.strictObject({ t: z.literal('q') }),
      ]),
      h: z.boolean().optional(),
    })
    expect(2 ** capacityOf(small).content).toBeCloseTo(3 * 6 * 3 * (2 + 4 + 8) * 3 * 3, 6)
  })

  it('grows with an enumeration, a range, a longer list and a new field', () => {
    const before = capacityOf(outboundRecord).content
    const shape = outboundRecord.shape
    for (const wider of [
      outboundRecord.extend({ result: z.enum([...shape.result.options, 'more']) }),
      outboundRecord.extend({ year: z.int().min(2000).max(2083) }),
      outboundRecord.extend({ ward: z.int().min(0).max(1) }),
    ]) {
      expect(capacityOf(wider).content).toBeGreaterThan(before)
    }
    expect(capacityOf(z.array(outboundRecord).max(65)).content).toBeGreaterThan(
      capacityOf(z.array(outboundRecord).max(64)).content,
    )
  })

  it.each([
    ['free text', z.strictObject({ note: z.string() })],
    ['a text of bounded length', z.strictObject({ note: z.string().max(3) })],
    ['a text that calls itself a hash', z.strictObject({ note: z.string().max(64).meta({ hash: true }) })],
    [
      'a text in the form of an id',
      z.strictObject({
        note: z
          .string()
          .regex(/^[A-Z]{3}$/)
          .meta({ hash: true }),
      }),
    ],
    ['a number without bounds', z.strictObject({ note: z.int() })],
    ['a number with one bound', z.strictObject({ note: z.int().min(0) })],
    ['a fraction', z.strictObject({ note: z.number().min(0).max(1) })],
    ['an open object', z.looseObject({ a: z.boolean() })],
    ['an object that drops what it does not know', z.object({ a: z.boolean() }).catchall(z.string())],
    ['names of any kind', z.record(z.string(), z.boolean())],
    ['a list without end', z.array(z.boolean())],
    ['anything', z.strictObject({ note: z.unknown() })],
    ['something computed', z.strictObject({ note: z.boolean().transform(String) })],
  ])('has no figure for %s', (_what, schema) => {
    expect(failure(schema)).toMatch(/^outbound_capacity_unbounded/)
  })
})
