import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { verifyContract } from '../contract/consistency.ts'
import { contractSchema, goldenVectorsSchema } from '../contract/schema.ts'
import { manifestSchema, parseManifest } from './manifest.ts'
import { sourceAttributeNames } from './source-attributes.ts'
import { sampleManifest } from './testkit/sample-draft.ts'

const page = readFileSync(fileURLToPath(new URL('../../docs/manifest.md', import.meta.url)), 'utf8')
const blocks = (name: string): Record<string, unknown>[] =>
  [...page.matchAll(/^```json ([a-z-]+)\n([\s\S]*?)\n```$/gm)]
    .filter(([, found]) => found === name)
    .map(([, , text]) => JSON.parse(text!))
const merged = (name: string): Record<string, unknown> => Object.assign({}, ...blocks(name))

const sourceAttributes = Object.fromEntries(
  [...page.slice(page.indexOf('### Source attributes')).matchAll(/^\| `(\w+)` +\| ([^|]+) \| ([^|]+) \|$/gm)]
    .map(([, name, , example]) => [name!, example!.trim()] as const)
    .filter(([name]) => (sourceAttributeNames as readonly string[]).includes(name)),
)

/** Every member name, and every fixed text that a member may have, anywhere in a schema. */
function words(schema: unknown, found = new Set<string>()): Set<string> {
  if (typeof schema !== 'object' || schema === null) return found
  const { properties, enum: choices, const: fixed } = schema as Record<string, unknown>
  for (const name of Object.keys(properties ?? {})) found.add(name)
  for (const text of [fixed, ...(Array.isArray(choices) ? choices : [])]) if (typeof text === 'string') found.add(text)
  for (const part of Object.values(schema)) words(part, found)
  return found
}

describe('docs/manifest.md', () => {
  test.each([
    ['the manifest', manifestSchema],
    ['golden vectors', goldenVectorsSchema],
  ])('names every field and every fixed value of %s', (_, schema) => {
    const all = words(z.toJSONSchema(schema))
    expect(all.size).toBeGreaterThan(10)
    expect([...all].filter((word) => !page.includes(`\`${word}\``))).toEqual([])
  })

  test('gives the source attributes in the order of the rule, each with an example', () => {
    expect(Object.keys(sourceAttributes)).toEqual([...sourceAttributeNames])
    expect(sourceAttributeNames).toHaveLength(31)
  })

  test('has examples that are, together, a whole manifest, and none that the schema would refuse', () => {
    const shape = manifestSchema.omit({ contract: true, sourceAttributes: true })
    for (const block of blocks('manifest')) expect(() => shape.partial().parse(block)).not.toThrow()
    for (const block of blocks('contract')) expect(() => contractSchema.partial().parse(block)).not.toThrow()
    const whole = { ...merged('manifest'), contract: merged('contract'), sourceAttributes }
    expect(parseManifest(canonicalBytes(whole)).modelId).toBe('pulse-score')
  })

  test.each(['platt', 'exact-shapley', 'model-output', 'since-first', 'bins'])(
    'has contract examples that do not contradict each other: %s',
    (part) => {
      const withPart = blocks('contract').filter((block) => JSON.stringify(block).includes(`"${part}"`))
      const contract = contractSchema.parse(Object.assign(merged('contract'), ...withPart))
      expect(() => verifyContract(contract)).not.toThrow()
    },
  )

  test('has whole contracts that hold', () => {
    expect(blocks('whole-contract').length).toBeGreaterThan(0)
    for (const block of blocks('whole-contract'))
      expect(() => verifyContract(contractSchema.parse(block))).not.toThrow()
  })

  test('has an example of every op, kind, role, rule and method', () => {
    const shown = JSON.stringify([...blocks('contract'), ...blocks('whole-contract')])
    const isListed = /^([A-Z]+|u?int\d+|float\d+|bool)$/
    const all = [...words(z.toJSONSchema(contractSchema))].filter((word) => !isListed.test(word))
    for (const word of all) expect(shown, word).toContain(`"${word}"`)
  })

  test('has golden vectors that hold', () => {
    expect(() => goldenVectorsSchema.parse(merged('golden-vectors'))).not.toThrow()
  })
})

test('the sample manifest of these tests has a contract that does not contradict itself', () => {
  expect(() => verifyContract(sampleManifest.contract)).not.toThrow()
})
