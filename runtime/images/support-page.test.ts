import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import { silentLog } from '../../device/platform/log.ts'
import { sharedData } from '../../house/shared-data.ts'
import { readCollection } from './collection.ts'
import { ImageError } from './errors.ts'
import { createImageDecoder } from './image-decoder.ts'
import { pixelHash, supportPage, supportRow } from './support-page.ts'
import { makeSamples } from './testkit/samples.ts'

const page = readFileSync(new URL('../../docs/dicom-support.md', import.meta.url), 'utf8')
const folder = join(sharedData ?? '', 'dicom')
/** Far more than any of them takes here. */
const BOUND_MS = 20_000

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

describe.skipIf(!sharedData)('the files of other projects', () => {
  it('docs/dicom-support.md says what the code does with each', async () => {
    expect(existsSync(folder)).toBe(true)
    const rows = []
    for (const { path, reference } of readCollection(folder)) {
      rows.push(await supportRow(path, readFileSync(join(folder, path)), reference))
    }
    expect(rows).toHaveLength(274)
    expect(rows.filter(({ outcome }) => outcome.includes('internal'))).toEqual([])
    expect(supportPage(rows)).toBe(page)
  }, 120_000)

  it('each is read or refused with a code, in the process, and equal to both decoders where they agree', async () => {
    const decoder = createImageDecoder({ isolation: 'required', clock: systemClock, log: silentLog, maxWaiting: 300 })
    const files = readCollection(folder)
    const outcomes = await Promise.all(
      files.map(async ({ path, reference }) => {
        const form = reference === undefined ? 'values' : 'coded'
        const deadlineMs = systemClock.monotonicMs() + 10 * BOUND_MS
        try {
          const { pixels } = await decoder.decode(readFileSync(join(folder, path)), {}, deadlineMs, form)
          return { path, reference, hash: pixelHash(pixels) }
        } catch (error) {
          return { path, reference, code: error instanceof ImageError ? error.code : String(error) }
        }
      }),
    )
    await decoder.stop()
    expect(outcomes.filter(({ code }) => /deadline|decoder|internal|[A-Z]/.test(code ?? ''))).toEqual([])
    const agreed = outcomes.filter(({ reference }) => reference?.gdcm !== '' && reference?.gdcm === reference?.dcmtk)
    expect(agreed.filter(({ reference }) => reference !== undefined).length).toBeGreaterThan(30)
    expect(agreed.filter(({ reference, hash }) => reference !== undefined && hash !== reference.gdcm)).toEqual([])
    expect(outcomes.filter(({ hash }) => hash !== undefined)).toHaveLength(181)
  }, 300_000)
})
