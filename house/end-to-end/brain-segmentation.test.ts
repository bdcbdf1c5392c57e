import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Site } from '../../demo/site.ts'
import { verifyContract } from '../../models/contract/consistency.ts'
import { contractSchema } from '../../models/contract/schema.ts'
import { sharedData } from '../shared-data.ts'
import { magneticSeries } from '../testkit/images/dicom.ts'
import { readByteVolume } from '../testkit/images/nifti-file.ts'
import { headFile, measuredSegmentation, meshnetDraft, meshnetManifest } from '../testkit/meshnet/package.ts'
import { type Appliance, makeSite, removeSite, startAppliance } from './appliance.ts'
import { type ImageAnswer, ImageClient } from './testkit/image-client.ts'

/** One volume takes a core a quarter of a minute; the package is proven with one as well. */
const PATIENT_MS = 600_000
/** Of the runtime's own process: images are decoded, and models run, in others. Measured: 413. */
const RUNTIME_MEBIBYTES = 1024
const SUBJECT = 'example-0001'
const data = sharedData ?? ''

/** The most memory that the runtime's own process ever had, in MiB. */
function peakMebibytes(pid: number | undefined): number {
  const [, kibibytes = ''] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) / 1024
}

test('the contract of the published model is data alone, and does not contradict itself', () => {
  expect(() => verifyContract(contractSchema.parse(meshnetManifest.contract))).not.toThrow()
})

describe.skipIf(!sharedData)('the volume that came with the model', () => {
  let site: Site
  let appliance: Appliance
  let archive: ImageClient
  let reader: ImageClient

  beforeAll(async () => {
    site = await makeSite([meshnetDraft(data)])
    appliance = await startAppliance(site, undefined, undefined, PATIENT_MS)
    archive = new ImageClient('bedside', site, appliance.url)
    reader = new ImageClient('clinician', site, appliance.url)
    expect(await archive.whenLoaded(), appliance.words()).toEqual(['active'])
  }, PATIENT_MS)

  afterAll(async () => {
    archive?.close()
    reader?.close()
    await appliance?.stop()
    if (site) removeSite(site)
  })

  /** What the answer says of the labels, and the labels themselves as they are read back. */
  async function segmentation({ status, error, decision }: ImageAnswer & { status: number }) {
    expect([status, error]).toEqual([200, undefined])
    const { values, sha256, dims } = decision!.assessment!.outputs.segmentation!
    const file = await reader.getBytes(`/v1/decisions/${decision!.decisionId}/outputs/segmentation`)
    expect([file.status, file.type]).toEqual([200, 'application/gzip'])
    expect(gunzipSync(file.bytes).subarray(344, 348).toString('latin1')).toBe('n+1\0')
    const { sizes, values: labels } = readByteVolume(file.bytes)
    const hash = createHash('sha256').update(labels).digest('hex')
    return { flags: decision!.flags, said: [values, sha256], read: [sizes, hash], dims }
  }

  const { argmax_hist_bg_wm_gm: counts, labels_u8_sha256: hash } = sharedData
    ? measuredSegmentation(data)
    : { argmax_hist_bg_wm_gm: [], labels_u8_sha256: '' }
  const measured = { said: [counts, hash], read: [[256, 256, 256], hash], dims: [1, 256, 256, 256] }

  test(
    'has the measured labels as NIfTI, which says no modality',
    async () => {
      const answer = await archive.sendFile('brain-segmentation', 'application/nifti', headFile(data), SUBJECT)
      const { flags, ...found } = await segmentation(answer)
      expect(found).toEqual(measured)
      expect(flags).toEqual([{ input: 'head', flag: 'attribute-unknown', about: 'modality' }])
    },
    PATIENT_MS,
  )

  test(
    'and the same as a DICOM series whose files come in no order',
    async () => {
      const slices = magneticSeries(readByteVolume(headFile(data)), { PatientID: SUBJECT })
      // 37 has no divisor in common with 256: each comes once.
      const mixed = slices.map((_, index) => slices[(index * 37) % slices.length]!)
      const { flags, ...found } = await segmentation(
        await archive.sendParts({ model: 'brain-segmentation', purpose: 'quality' }, mixed),
      )
      expect(found).toEqual(measured)
      expect(flags).toEqual([])
    },
    PATIENT_MS,
  )

  test(
    'is refused before the model is asked where a slice is missing, or of another series',
    async () => {
      const head = readByteVolume(headFile(data))
      const slices = magneticSeries(head, { PatientID: SUBJECT })
      const other = magneticSeries(head, { PatientID: SUBJECT, SeriesInstanceUID: '2.25.7' })
      const send = async (files: readonly Uint8Array[]) => {
        const { error } = await archive.sendParts({ model: 'brain-segmentation', purpose: 'quality' }, files)
        return [error?.code, error?.about]
      }
      expect(await send(slices.toSpliced(100, 1))).toEqual(['image_series_spacing', 'gap'])
      expect(await send(slices.with(100, other[100]!))).toEqual(['image_series_inconsistent', 'series'])
      expect(await send(slices.slice(0, 128))).toEqual(['image_size_excluded', 'frames'])
      // Six volumes have passed through it, of 16 MiB as files and 64 as tensors.
      expect(peakMebibytes(appliance.process.pid)).toBeLessThan(RUNTIME_MEBIBYTES)
    },
    PATIENT_MS,
  )
})
