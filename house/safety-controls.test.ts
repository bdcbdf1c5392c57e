import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemRandomness } from '../device/crypto/randomness.ts'
import { canonicalBytes, type JsonObject, type JsonValue } from '../device/platform/canonical-json.ts'
import { parseManifest } from '../models/package/manifest.ts'
import { packModel } from '../models/package/pack.ts'
import { sampleDraft } from '../models/package/testkit/sample-draft.ts'
import { advisoryFor } from '../runtime/decisions/narrate.ts'
import { outboundRow } from '../runtime/egress/outbound.ts'
import { parseSource, root } from './source-tree.ts'

/** Controls of docs/safety/hazards.csv that belong to no single room. */
const { manifest } = packModel(sampleDraft(), systemRandomness)

/** The code with which a manifest is refused once the member at the path is gone; undefined when it still passes. */
function refusalWithout(...path: string[]): string | undefined {
  const copy = JSON.parse(JSON.stringify(manifest)) as JsonObject
  const parent = path.slice(0, -1).reduce<JsonValue>((value, name) => (value as JsonObject)[name] ?? null, copy)
  delete (parent as JsonObject)[path.at(-1) ?? '']
  try {
    parseManifest(canonicalBytes(copy))
    return undefined
  } catch (error) {
    return (error as { code?: string }).code
  }
}

describe('a package', () => {
  it('as it is passes, so that each refusal below has one reason', () => {
    expect(parseManifest(canonicalBytes(manifest))).toEqual(manifest)
  })

  it('cannot be made without saying until when a result holds', () => {
    expect(refusalWithout('contract', 'validityMinutes')).toBe('package_manifest_invalid')
  })

  it('cannot be made without its rate of alerts and their predictive value, or the word that nobody knows them', () => {
    expect(refusalWithout('validation', 'alertsPer100PatientDays')).toBe('package_manifest_invalid')
    expect(refusalWithout('validation', 'positivePredictiveValue')).toBe('package_manifest_invalid')
  })

  it('cannot be made without intended use, contraindications, population and clinical status', () => {
    for (const path of [['intendedUse'], ['contraindications'], ['clinicalStatus'], ['contract', 'population']]) {
      expect([path, refusalWithout(...path)]).toEqual([path, 'package_manifest_invalid'])
    }
  })
})

describe('the words of a result', () => {
  const source = 'runtime/decisions/narrate.ts'
  const phrases = parseSource(source, readFileSync(join(root, source), 'utf8')).nodes.flatMap((node) => {
    if (node.type === 'Literal' && typeof node.value === 'string') return [node.value]
    return node.type === 'TemplateElement' ? [(node.value as { cooked: string }).cooked] : []
  })

  it('claim no cause and give no order', () => {
    expect(phrases.join(' ')).toContain('contributed')
    const forbidden =
      /\b(because|caused?|due to|diagnos\w*|must|should|administer|give the|start treatment|rule[sd]? out)\b/i
    expect(phrases.filter((phrase) => forbidden.test(phrase))).toEqual([])
  })

  it('say that the result is advisory', () => {
    expect(advisoryFor('research')).toMatch(/^Advisory only/)
    expect(advisoryFor('research')).toContain('does not replace')
  })
})

describe('a row that may leave the box', () => {
  const row = {
    v: 1,
    kind: 'decision',
    model: 'news2',
    release: 1,
    result: 'high',
    latency: 'under-10ms',
    alert: true,
  }

  it('can express enumerations, buckets and the name of a model, and nothing else', () => {
    expect(outboundRow.safeParse(row).success).toBe(true)
    const foreign = ['Doe, Jane', '1950-01-01', 'MRN 4711', '2030-06-01T00:00:00Z', 4711.5, ['high'], { high: 1 }, null]
    for (const name of Object.keys(row)) {
      for (const value of foreign) {
        expect([name, value, outboundRow.safeParse({ ...row, [name]: value }).success]).toEqual([name, value, false])
      }
    }
    expect(outboundRow.safeParse({ ...row, note: 'high' }).success).toBe(false)
    expect(outboundRow.safeParse({ ...row, at: 1 }).success).toBe(false)
  })
})
