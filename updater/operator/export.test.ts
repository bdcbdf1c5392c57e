import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCatalogue } from '../../device/outbound/catalogue.ts'
import { parseCsv } from '../../house/csv.ts'
import { csvRecord } from './csv.ts'
import { type ExportCount, type ExportFormat, exportLines } from './export.ts'
import { writeExport } from './export-file.ts'
import { momentMs } from './moment.ts'
import type { StoredDecision } from './reading.ts'
import { recordOf } from './testkit/test-device.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-export-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('CSV', () => {
  it('is RFC 4180: CRLF, quotes where they are needed, quotes doubled', () => {
    expect(csvRecord(['a', 1, true, null, 'b,c', 'd"e', 'f\ng', ''])).toBe('a,1,true,,"b,c","d""e","f\ng",\r\n')
  })

  it('reads back as it was written', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', 'é') })
    fc.assert(
      fc.property(fc.array(cell, { minLength: 2, maxLength: 5 }), (cells) => {
        const texts = cells.map((each) => `x${each}`)
        const header = texts.map((_, index) => `c${index}`)
        const [row] = parseCsv(csvRecord(header) + csvRecord(texts))
        expect(Object.values(row ?? {})).toEqual(texts)
      }),
    )
  })

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '=HYPERLINK("x")'])(
    'leaves a spreadsheet nothing to run in %j',
    (text) => {
      const cell = csvRecord([text]).slice(0, -2)
      expect(cell).toBe(`"'${text.replaceAll('"', '""')}"`)
    },
  )

  it('leaves negative numbers, which are ours, alone', () => {
    expect(csvRecord([-5])).toBe('-5\r\n')
  })
})

describe('an export', () => {
  const decision = (sequence: number): StoredDecision => ({
    device: 'north/box-1',
    stream: 3,
    sequence,
    receivedAtMs: Date.UTC(2026, 2, 1),
    record: recordOf(sequence),
  })
  const catalogue = createCatalogue([{ number: 1, model: 'news2', release: 1, version: '1.0.0' }])
  const made = (format: ExportFormat) => {
    const count: ExportCount = { records: 0, byDevice: new Map() }
    return { text: [...exportLines([decision(1), decision(2)], format, catalogue, count)].join(''), count }
  }

  it('names what the catalogue lists, and counts by device', () => {
    const { text, count } = made('csv')
    expect(parseCsv(text)).toMatchObject([
      {
        receivedAt: '2026-03-01T00:00:00.000Z',
        site: 'north',
        device: 'box-1',
        stream: '3',
        sequence: '1',
        model: 'news2',
      },
      { modelNumber: '2', model: '', version: '', alert: 'false' },
    ])
    expect(count).toEqual({ records: 2, byDevice: new Map([['north/box-1', 2]]) })
  })

  it('says the same in both formats', () => {
    const rows = parseCsv(made('csv').text)
    const objects: Record<string, unknown>[] = made('ndjson')
      .text.trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const asText = objects.map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === null ? '' : String(value)])),
    )
    expect(asText).toEqual(rows)
  })

  it('is there whole or not at all, and for its user alone', () => {
    const path = join(folder, 'out.csv')
    writeFileSync(path, 'older', { mode: 0o644 })
    const failing = function* (): Iterable<string> {
      yield 'a'.repeat(1_000_000)
      throw new RangeError('the database went away')
    }
    expect(() => writeExport(path, failing())).toThrow(expect.objectContaining({ code: 'fleet_export_failed' }))
    expect(readFileSync(path, 'utf8')).toBe('older')
    writeExport(path, ['new', 'er'])
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['newer', 0o600])
    expect(readdirSync(folder)).toEqual(['out.csv'])
    const nowhere = join(folder, 'none', 'out.csv')
    expect(() => writeExport(nowhere, [])).toThrow(
      expect.objectContaining({ code: 'fleet_export_failed', about: 'ENOENT' }),
    )
  })
})

describe('a moment', () => {
  it.each([
    ['2026-03-01', Date.UTC(2026, 2, 1)],
    ['2026-03-01T10:00Z', Date.UTC(2026, 2, 1, 10)],
    ['2026-03-01T10:00:30.250Z', Date.UTC(2026, 2, 1, 10, 0, 30, 250)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
  ])('%s is read as UTC', (text, ms) => {
    expect(momentMs(text)).toBe(ms)
  })

  it.each([
    '',
    '2026',
    '2026-02-30',
    '2025-02-29',
    '2026-13-01',
    '2026-03-01T10:00',
    '1 March 2026',
    '2026-03-01T25:00Z',
    '-1',
  ])('%j is none', (text) => {
    expect(momentMs(text)).toBeUndefined()
  })
})
