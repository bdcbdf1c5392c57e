import { z } from 'zod'
import { OutboundError } from './errors.ts'
import { type CatalogueNumber, catalogueNumber } from './record.ts'

const entrySchema = z.strictObject({
  number: z.int().min(1).max(63),
  model: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  /** The release counter, as both keepers signed it; with the model's id it names one package for ever. */
  release: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  version: z.string().regex(/^\d{1,6}\.\d{1,6}\.\d{1,6}(-[0-9A-Za-z.-]{1,64})?$/),
})

const catalogueSchema = z.strictObject({ v: z.literal(1), models: z.array(entrySchema).max(63) })

export interface CatalogueEntry {
  readonly number: number
  readonly model: string
  readonly release: number
  /** For people: the box does not look at it. */
  readonly version: string
}

/** Stands for a model that the catalogue does not list: it is counted, and not named. */
export const UNLISTED: CatalogueNumber = catalogueNumber.parse(0)

/**
 * What the numbers of models mean. The fleet gives the numbers; the same file lies on the box and with the fleet. On the wire
 * there is the number alone: names and versions are text, and text could carry anything.
 */
export interface Catalogue {
  readonly entries: readonly CatalogueEntry[]
  numberOf(model: string, release: number): CatalogueNumber
  entryOf(number: number): CatalogueEntry | undefined
}

/** @throws OutboundError outbound_catalogue_invalid */
export function parseCatalogue(bytes: Uint8Array): Catalogue {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new OutboundError('outbound_catalogue_invalid')
  }
  const parsed = catalogueSchema.safeParse(value)
  if (!parsed.success) throw new OutboundError('outbound_catalogue_invalid')
  return createCatalogue(parsed.data.models)
}

/** @throws OutboundError outbound_catalogue_invalid when a number or a model occurs twice */
export function createCatalogue(entries: readonly CatalogueEntry[]): Catalogue {
  const byName = new Map(
    entries.map((entry) => [nameOf(entry.model, entry.release), catalogueNumber.parse(entry.number)]),
  )
  const byNumber = new Map(entries.map((entry) => [entry.number, entry]))
  if (byName.size !== entries.length || byNumber.size !== entries.length)
    throw new OutboundError('outbound_catalogue_invalid')
  return {
    entries,
    numberOf: (model, release) => byName.get(nameOf(model, release)) ?? UNLISTED,
    entryOf: (number) => byNumber.get(number),
  }
}

function nameOf(model: string, release: number): string {
  return `${model} ${release}`
}
