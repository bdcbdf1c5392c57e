import { z } from 'zod'
import { OutboundError } from './errors.ts'

/** How many bits one message can carry at most, by what carries them. */
export interface Capacity {
  /** What the message says of the box and its work. */
  readonly content: number
  /** Ids and sequence numbers that egress draws itself. */
  readonly drawn: number
  /** Hashes and signatures. */
  readonly hash: number
}

interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: unknown
  readonly items?: JsonSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly drawn?: boolean
  readonly hash?: boolean
  readonly pattern?: string
}

const nothing: Capacity = { content: 0, drawn: 0, hash: 0 }

/**
 * The bound is computed from the schema itself: log2 of the number of messages it lets through. Canonical JSON gives each value
 * one spelling, so there is nothing beside the values; rules between fields could only lower it.
 * @throws OutboundError outbound_capacity_unbounded for a text, a number without bounds, an open object or list
 */
export function capacityOf(schema: z.ZodType): Capacity {
  try {
    return measure(z.toJSONSchema(schema, { reused: 'inline' }) as JsonSchema, 'message')
  } catch (cause) {
    if (cause instanceof OutboundError) throw cause
    throw new OutboundError('outbound_capacity_unbounded', { cause, about: 'message' })
  }
}

function measure(schema: JsonSchema, at: string): Capacity {
  const capacity = measureShape(schema, at)
  if (schema.drawn !== true) return capacity
  return { content: 0, drawn: capacity.content + capacity.drawn, hash: capacity.hash }
}

function measureShape(schema: JsonSchema, at: string): Capacity {
  if (schema.hash === true) return measureHash(schema, at)
  if (Object.hasOwn(schema, 'const') || schema.type === 'null') return nothing
  if (schema.enum !== undefined) return content(Math.log2(schema.enum.length))
  const types = Array.isArray(schema.type) ? schema.type.map((type: string) => ({ ...schema, type })) : undefined
  const choices = schema.anyOf ?? schema.oneOf ?? types
  if (choices !== undefined) return measureChoice(choices, at)
  if (schema.type === 'boolean') return content(1)
  if (schema.type === 'integer') return measureInteger(schema, at)
  if (schema.type === 'array') return measureList(schema, at)
  if (schema.type === 'object') return measureObject(schema, at)
  throw new OutboundError('outbound_capacity_unbounded', { about: at })
}

/** A text is let through only as hexadecimal digits of a fixed number, and only where it is marked as a hash. */
function measureHash({ type, pattern }: JsonSchema, at: string): Capacity {
  const digits = type === 'string' ? /^\^\[0-9a-f\]\{(\d{1,4})\}\$$/.exec(pattern ?? '')?.[1] : undefined
  if (digits === undefined) throw new OutboundError('outbound_capacity_unbounded', { about: at })
  return { ...nothing, hash: 4 * Number(digits) }
}

const content = (bits: number): Capacity => ({ ...nothing, content: bits })

function measureInteger({ minimum, maximum }: JsonSchema, at: string): Capacity {
  const isBounded =
    minimum !== undefined &&
    maximum !== undefined &&
    minimum > Number.MIN_SAFE_INTEGER &&
    maximum < Number.MAX_SAFE_INTEGER
  if (!isBounded) throw new OutboundError('outbound_capacity_unbounded', { about: at })
  return content(Math.log2(maximum - minimum + 1))
}

/** Which of the choices was taken also says something; the sum is over the choices with all that each can say. */
function measureChoice(choices: readonly JsonSchema[], at: string): Capacity {
  const each = choices.map((choice) => measure(choice, at))
  const largest = (part: keyof Capacity) => Math.max(...each.map((capacity) => capacity[part]))
  return { content: logSum(each.map((one) => one.content)), drawn: largest('drawn'), hash: largest('hash') }
}

function measureList({ items, minItems = 0, maxItems }: JsonSchema, at: string): Capacity {
  if (items === undefined || maxItems === undefined || maxItems > 4096)
    throw new OutboundError('outbound_capacity_unbounded', { about: at })
  const item = measure(items, `${at}[]`)
  const lengths = Array.from({ length: maxItems - minItems + 1 }, (_, index) => (minItems + index) * item.content)
  return { content: logSum(lengths), drawn: item.drawn * maxItems, hash: item.hash * maxItems }
}

function measureObject({ properties = {}, required = [], additionalProperties }: JsonSchema, at: string): Capacity {
  if (additionalProperties !== false) throw new OutboundError('outbound_capacity_unbounded', { about: at })
  return Object.entries(properties)
    .map(([name, property]) => {
      const capacity = measure(property, `${at}.${name}`)
      return required.includes(name) ? capacity : { ...capacity, content: logSum([0, capacity.content]) }
    })
    .reduce(add, nothing)
}

function add(a: Capacity, b: Capacity): Capacity {
  return { content: a.content + b.content, drawn: a.drawn + b.drawn, hash: a.hash + b.hash }
}

/** log2 of the sum of 2 to each, without leaving the range of numbers. */
function logSum(bits: readonly number[]): number {
  const largest = Math.max(...bits)
  return largest + Math.log2(bits.reduce((sum, each) => sum + 2 ** (each - largest), 0))
}
