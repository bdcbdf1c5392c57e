import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sharedData } from '../../house/shared-data.ts'
import { readCollection } from './collection.ts'
import { type SupportRow, supportPage, supportRow } from './support-page.ts'
import { otherThanSaid, sweepIsolated } from './testkit/isolated-sweep.ts'
import { makeSamples } from './testkit/samples.ts'

const page = readFileSync(new URL('../../docs/dicom-support.md', import.meta.url), 'utf8')
const folder = join(sharedData ?? '', 'dicom')

it('a row says how a file is read, or why it is not', async () => {
  const samples = await makeSamples()
  const rle = samples.get('rle') ?? new Uint8Array()
  expect(await supportRow('a', rle, undefined)).toMatchObject({ syntax: 'RLE Lossless', isRead: true })
  const reference = { gdcm: 'no hash', dcmtk: '' }
  expect(await supportRow('a', rle, reference)).toMatchObject({ compared: 'differs' })
  const row = await supportRow('a', rle.subarray(0, 400), undefined)
  expect(row).toMatchObject({ isRead: false, outcome: '`image_truncated` (fragment)' })
  expect(supportPage([row])).toContain('- `image_truncated` (1)')
})

/** The first of each coding, with each outcome and each comparison: `testkit/isolated-sweep-command.ts` takes them all. */
function oneOfEach(rows: readonly SupportRow[]): ReadonlySet<string> {
  const kind = ({ syntax, outcome, compared }: SupportRow) =>
    `${syntax} ${outcome.replace(/^.*? bits |^.*, a volume$/, '')} ${compared}`
  return new Set(new Map(rows.toReversed().map((row) => [kind(row), row.path])).values())
}

describe.skipIf(!sharedData)('the files of other projects', () => {
  const files = readCollection(folder)
  const rows: SupportRow[] = []

  it('docs/dicom-support.md says what the code does with each, which is what other decoders do where they agree', async () => {
    expect(existsSync(folder)).toBe(true)
    for (const { path, reference } of files) {
      rows.push(await supportRow(path, readFileSync(join(folder, path)), reference))
    }
    expect(rows).toHaveLength(274)
    expect(rows.filter(({ outcome }) => outcome.includes('internal'))).toEqual([])
    expect(rows.filter(({ isRead }) => isRead)).toHaveLength(181)
    expect(supportPage(rows)).toBe(page)
    const agreed = new Set(
      files
        .filter(
          ({ reference }) => reference !== undefined && reference.gdcm !== '' && reference.gdcm === reference.dcmtk,
        )
        .map(({ path }) => path),
    )
    const compared = rows.filter(({ path, isRead }) => isRead && agreed.has(path))
    expect(compared.length).toBeGreaterThan(30)
    expect(compared.filter((row) => row.compared !== 'equal to gdcm and dcmtk')).toEqual([])
  }, 120_000)

  it('one of each kind is read or refused in the isolated process as it is without', async () => {
    const some = oneOfEach(rows)
    expect(some.size).toBeGreaterThan(40)
    const swept = await sweepIsolated(
      folder,
      files.filter(({ path }) => some.has(path)),
    )
    expect(swept).toHaveLength(some.size)
    expect(otherThanSaid(swept, rows)).toEqual([])
  }, 300_000)
})
