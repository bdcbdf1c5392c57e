import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { chestQcDraft } from '../../models/chest-qc/package.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import { sharedData } from '../shared-data.ts'
import { radiograph } from '../testkit/images/dicom.ts'
import { readByteVolume } from '../testkit/images/nifti-file.ts'
import type { GreyPicture } from '../testkit/images/png.ts'
import { withoutBorder } from '../testkit/pneumonia/independent.ts'
import { pneumoniaDraft, publishedImages } from '../testkit/pneumonia/package.ts'
import { type Appliance, clientFor, makeSite, removeSite, startAppliance } from './appliance.ts'
import { ImageClient } from './testkit/image-client.ts'

const data = sharedData ?? ''
const CHILD = { PatientAge: '004Y' }
const gates = [
  { model: 'chest-qc', output: 'frontal', low: 0.3, high: 1, reason: 'not a frontal chest radiograph' },
  { model: 'chest-qc', output: 'rotation', low: 0, high: 0, reason: 'turned by a quarter turn or more' },
]

/** As a detector makes them, without the paper that the published renders lie on. */
async function radiographs() {
  const images = await publishedImages(data)
  return images.map(({ name, picture }) => {
    const lines = withoutBorder(picture)
    const [rows, columns] = [lines.length, lines[0]?.length ?? 0]
    return { name, picture: { rows, columns, values: Uint8Array.from(lines.flat()) } }
  })
}

/** The third-party model behind our own: a line of data in its manifest, and nothing else. */
async function gatedDraft(): Promise<PackageDraft> {
  const { manifest, files } = await pneumoniaDraft(data)
  const { contract } = manifest
  if (contract.image === undefined) return expect.fail('the model takes an image')
  return { files, manifest: { ...manifest, contract: { ...contract, image: { ...contract.image, gates } } } }
}

describe.skipIf(!sharedData)('a chest model behind the check of chest radiographs', () => {
  let site: Site
  let appliance: Appliance
  let archive: ImageClient
  let officer: ApiClient

  beforeAll(async () => {
    site = await makeSite([chestQcDraft(), await gatedDraft()])
    appliance = await startAppliance(site)
    archive = new ImageClient('bedside', site, appliance.url)
    officer = clientFor('officer', site, appliance.url)
    expect(await archive.whenLoaded(), appliance.words()).toEqual(['active', 'active'])
  }, 180_000)

  afterAll(async () => {
    archive?.close()
    officer?.close()
    await appliance?.stop()
    if (site) removeSite(site)
  })

  const ask = (picture: GreyPicture) =>
    archive.sendFile('pneumonia', 'application/dicom', radiograph(picture, CHILD), 'example-0002')

  test('reads the radiographs that the check lets through', async () => {
    for (const { name, picture } of await radiographs()) {
      const { status, error } = await ask(picture)
      expect([status, error?.code], name).toEqual([200, undefined])
    }
  })

  test('never sees a picture of something else, whatever its file says of itself', async () => {
    const { sizes, values } = readByteVolume(readFileSync(join(data, 'models/brain-meshnet/t1_crop.nii.gz')))
    const [columns, rows] = sizes
    const slice = { rows, columns, values: values.slice(128 * rows * columns, 129 * rows * columns) }
    const { status, error, decision } = await ask(slice)
    expect([status, error]).toMatchObject([422, { code: 'image_implausible', about: 'not a frontal chest radiograph' }])
    expect(decision?.assessment).toBeNull()
    const { body } = await officer.get(`/v1/decisions/${decision?.decisionId}`)
    expect(body).toMatchObject({ decision: { outcome: 'refused', refusal: { code: 'image_implausible' } } })
  })

  test('nor a chest that lies on its side', async () => {
    const [first] = await radiographs()
    const { rows, columns, values } = first?.picture ?? expect.fail('no radiograph')
    const turned = Uint8Array.from(values, (_, place) => {
      const [row, column] = [Math.floor(place / rows), place % rows]
      return values[(rows - 1 - column) * columns + row] ?? 0
    })
    const { error } = await ask({ rows: columns, columns: rows, values: turned })
    expect(error).toMatchObject({ code: 'image_implausible', about: 'turned by a quarter turn or more' })
  })
})
