import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseCsv } from './csv.ts'
import { root } from './source-tree.ts'
import { titlesOf, unknownTests } from './test-titles.ts'

const read = (name: string) => readFileSync(join(root, 'docs/safety', name), 'utf8')
const hazards = parseCsv(read('hazards.csv'))
const traces = parseCsv(read('traces.csv'))

const severities = ['negligible', 'minor', 'serious', 'critical', 'catastrophic']
const probabilities = ['improbable', 'remote', 'occasional', 'probable', 'frequent']
/** ISO 14971:2019, 7.1, in the order in which they are to be preferred. */
const controlTypes = ['inherently safe design', 'protective measure', 'information for safety']

describe('the hazard table', () => {
  it('starts with the hazards that must be there', () => {
    const required = [
      'wrong patient',
      'wrong unit',
      'stale result',
      'silent stop',
      'disk full blocks alerts',
      'alert flood',
      'automation bias',
      'superseded model',
      'clock jump',
    ]
    const present = hazards.map((row) => row.hazard)
    expect(required.filter((hazard) => !present.includes(hazard))).toEqual([])
  })

  it('is filled in, in its own words of grade', () => {
    const empty = hazards.filter((row) => Object.values(row).some((cell) => cell === ''))
    expect(empty.map((row) => row.id)).toEqual([])
    const odd = hazards.filter(
      (row) =>
        !severities.includes(row.severity ?? '') ||
        !probabilities.includes(row['probability before'] ?? '') ||
        !controlTypes.includes(row['control type'] ?? ''),
    )
    expect(odd.map((row) => row.id)).toEqual([])
  })

  it('has each id once', () => {
    const ids = hazards.map((row) => row.id)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index || !/^H\d\d-\d$/.test(id ?? ''))).toEqual([])
  })

  it('names an existing test for every control', () => {
    const unproven = hazards.flatMap((row) =>
      unknownTests(row.verification ?? '').map((reference) => `${row.id}: ${reference}`),
    )
    expect(unproven).toEqual([])
  })
})

describe('the requirement trace', () => {
  it('has each requirement once, with at least one existing test', () => {
    const ids = traces.map((row) => row.id)
    expect(ids.length).toBeGreaterThan(10)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    const unproven = traces.flatMap((row) =>
      unknownTests(row.tests ?? '').map((reference) => `${row.id}: ${reference}`),
    )
    expect(unproven).toEqual([])
  })
})

describe('SECURITY.md', () => {
  it('names an existing test for every threat', () => {
    const text = readFileSync(join(root, 'SECURITY.md'), 'utf8')
    const section = text.slice(text.indexOf('## Threat'), text.indexOf('## Keys'))
    const rows = section
      .split('\n')
      .filter((line) => /^\| [^-]/.test(line))
      .slice(1)
    expect(rows.length).toBeGreaterThan(15)
    const references = (row: string) => [...row.matchAll(/`([^`]+ :: [^`]+)`/g)].map((match) => match[1] ?? '')
    expect(rows.filter((row) => references(row).length === 0)).toEqual([])
    expect(rows.flatMap(references).flatMap((reference) => unknownTests(reference))).toEqual([])
  })
})

describe('the safety check catches', () => {
  const titles = () =>
    titlesOf('a.test.ts', "describe('d', () => { it('one', () => {}); it.each([1])('two', () => {}); it(`three`, f) })")

  it('a control without a test, with a wrong title, or with one good and one bad', () => {
    expect(unknownTests('a.test.ts :: one ; a.test.ts :: two ; a.test.ts :: three', titles)).toEqual([])
    expect(unknownTests('', titles)).toHaveLength(1)
    expect(unknownTests('a.test.ts', titles)).toHaveLength(1)
    expect(unknownTests('a.test.ts :: one ; a.test.ts :: four', titles)).toEqual(['a.test.ts :: four'])
    expect(unknownTests('house/no-such.test.ts :: one')).toHaveLength(1)
  })

  it('cells with commas, quotes and line breaks as they are', () => {
    expect(parseCsv('a,b\n"x, ""y""\nz",1\n,2\n')).toEqual([
      { a: 'x, "y"\nz', b: '1' },
      { a: '', b: '2' },
    ])
  })
})
