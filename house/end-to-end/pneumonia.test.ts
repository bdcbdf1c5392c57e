import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { verifyContract } from '../../models/contract/consistency.ts'
import { imageSteps } from '../../models/contract/image/image-steps.ts'
import { prepareImage } from '../../models/contract/image/prepare-image.ts'
import { contractSchema } from '../../models/contract/schema.ts'
import { type Tensor, tensorBytes, tensorNumbers } from '../../models/contract/tensor.ts'
import { runModel } from '../../models/onnx/testkit/run-model.ts'
import type { DecisionReadAnswer } from '../../runtime/decisions/service-types.ts'
import { decodeFiles } from '../../runtime/images/decode-files.ts'
import { defaultImageLimits } from '../../runtime/images/limits.ts'
import { WasmCodecs } from '../../runtime/images/pixels/codecs.ts'
import { sharedData } from '../shared-data.ts'
import { radiograph } from '../testkit/images/dicom.ts'
import { readGreyPng } from '../testkit/images/png.ts'
import { publishedTensor } from '../testkit/pneumonia/independent.ts'
import {
  type PublishedImage,
  pneumoniaDraft,
  pneumoniaManifest,
  pneumoniaModel,
  publishedImages,
} from '../testkit/pneumonia/package.ts'
import { type Appliance, clientFor, makeSite, removeSite, startAppliance } from './appliance.ts'
import { type ImageAnswer, ImageClient } from './testkit/image-client.ts'
import { leavesOf } from './testkit/model-store.ts'
import { verifySite } from './verify-site.ts'

const CLI = fileURLToPath(new URL('../../runtime/bin/wardstone.ts', import.meta.url))
const data = sharedData ?? ''
const contract = contractSchema.parse(pneumoniaManifest.contract)
/** The confidences were published of the original files; what is given are renders of them. */
const PUBLISHED_WITHIN = 0.02
/** The same library on the same tensor, which differs in nothing where this was measured; only another sharing out of sums could. */
const LOGIT_WITHIN = 1e-6
const CHILD = { PatientAge: '004Y' }
const ADULT = { PatientAge: '045Y' }

test('the contract of the published model is data alone, and does not contradict itself', () => {
  expect(() => verifyContract(contract)).not.toThrow()
})

describe.skipIf(!sharedData)('the ten published radiographs', () => {
  let published: readonly PublishedImage[]
  let tensors: readonly Tensor[]

  beforeAll(async () => {
    published = await publishedImages(data)
    tensors = published.map(({ picture }) => publishedTensor(picture))
  })

  // Pillow 9.4.0, run by hand, cuts and shrinks all ten to the same pixels.
  test('become the tensors of their published preparation, to the last bit', async () => {
    for (const [index, { name, picture }] of published.entries()) {
      const image = await decodeFiles([radiograph(picture, CHILD)], defaultImageLimits, new WasmCodecs(), 'values')
      const prepared = prepareImage(image, imageSteps(contract))
      if (!('tensors' in prepared)) expect.fail(`${name}: ${prepared.refused}`)
      expect(prepared.tensors.input?.dims).toEqual([1, 3, 224, 224])
      const bytes = Buffer.from(tensorBytes(prepared.tensors.input!))
      expect(bytes.equals(tensorBytes(tensors[index]!)), name).toBe(true)
    }
  })

  describe('through the API', () => {
    let site: Site
    let appliance: Appliance
    let archive: ImageClient
    let officer: ApiClient
    /** Requests that were answered with a recorded refusal. */
    let refusals = 0

    beforeAll(async () => {
      site = await makeSite([await pneumoniaDraft(data)])
      appliance = await startAppliance(site)
      archive = new ImageClient('bedside', site, appliance.url)
      officer = clientFor('officer', site, appliance.url)
      expect(await archive.whenLoaded(), appliance.words()).toEqual(['active'])
    }, 120_000)

    afterAll(async () => {
      archive?.close()
      officer?.close()
      await appliance?.stop()
      if (site) removeSite(site)
    })

    const ask = (file: Uint8Array, subject: string | undefined = 'example-0001') =>
      archive.sendFile('pneumonia', 'application/dicom', file, subject)

    const read = async (decisionId: string) => {
      const { status, body } = await officer.get(`/v1/decisions/${decisionId}`)
      expect(status).toBe(200)
      return body as DecisionReadAnswer
    }

    /** What is refused is an answer with a place in the log, and can be read again. */
    async function refusalOf(answer: ImageAnswer & { readonly status: number }) {
      const { status, error, decision, audit } = answer
      expect([status, decision?.outcome, decision?.refusal?.code]).toEqual([422, 'refused', error?.code])
      expect(audit?.leafIndex).toBeGreaterThan(0)
      refusals += 1
      const kept = await read(decision?.decisionId ?? '')
      expect(kept.decision).toEqual(decision)
      return [error?.code, error?.about]
    }

    test('have their published class and confidence, and the logits of an independent run', async () => {
      for (const [index, { name, picture, publishedClass, confidence }] of published.entries()) {
        const { status, decision } = await ask(radiograph(picture, CHILD), `child-${index + 1}`)
        expect(status, name).toBe(200)
        const { outputs } = decision!.assessment!
        expect(outputs.finding?.label?.text).toBe(publishedClass)
        expect(Math.abs((outputs.normal?.values[0] ?? Number.NaN) - confidence)).toBeLessThanOrEqual(PUBLISHED_WITHIN)
        const { logits } = await runModel(pneumoniaModel(data), { input: tensors[index]! })
        const own = outputs.logits?.values ?? []
        const apart = tensorNumbers(logits!).map((value, place) => Math.abs(value - (own[place] ?? Number.NaN)))
        expect(own).toHaveLength(3)
        expect(Math.max(...apart), `${name}: ${own}`).toBeLessThanOrEqual(LOGIT_WITHIN)
        expect(decision!.flags).toContainEqual({
          input: 'radiograph',
          flag: 'attribute-unknown',
          about: 'view-position',
        })
      }
    }, 120_000)

    test('are refused as soon as they are said to be of an adult, and so is every radiograph of adults that is given', async () => {
      const { reason } = contract.population.criteria[0]!
      expect(await refusalOf(await ask(radiograph(published[0]!.picture, ADULT)))).toEqual([
        'population_excluded',
        reason,
      ])
      // Of their ages nothing is given; what is sent says that they are of adults, as they were taken.
      for (const name of ['00000211_000', '00019534_000', '00028405_000']) {
        const picture = await readGreyPng(join(data, 'chest/nih', `${name}.png`))
        expect(await refusalOf(await ask(radiograph(picture, ADULT))), name).toEqual(['population_excluded', reason])
      }
      // It says no age; whoever sends it does.
      const chest = readFileSync(join(data, 'dicom/fo-dicom/CR-MONO1-10-chest'))
      expect(await refusalOf(await ask(chest))).toEqual(['input_missing', 'age'])
      const inputs = { age: { value: 45, unit: 'a' } }
      const body = { model: 'pneumonia', subject: 'example-0002', purpose: 'quality', inputs }
      expect(await refusalOf(await archive.sendParts(body, [chest]))).toEqual(['population_excluded', reason])
    }, 60_000)

    test('and whatever is none of a child’s chest, or says nothing of it', async () => {
      const { picture } = published[0]!
      const tomogram = readFileSync(join(data, 'dicom/pydicom/test_files/CT_small.dcm'))
      const own = await archive.sendFile('pneumonia', 'application/dicom', tomogram)
      expect(await refusalOf(own)).toEqual(['image_attribute_excluded', 'modality'])
      const cases: readonly (readonly [Uint8Array, string, string])[] = [
        [radiograph(picture, { ...CHILD, Modality: 'MG' }), 'image_attribute_excluded', 'modality'],
        [radiograph(picture, { ...CHILD, BodyPartExamined: 'HAND' }), 'image_attribute_excluded', 'body-part'],
        [radiograph(picture, { ...CHILD, ViewPosition: 'LL' }), 'image_attribute_excluded', 'view-position'],
        [radiograph(picture, { ...CHILD, Modality: '' }), 'image_attribute_unknown', 'modality'],
        [radiograph(picture), 'input_missing', 'age'],
      ]
      for (const [file, code, about] of cases) expect(await refusalOf(await ask(file))).toEqual([code, about])
    }, 60_000)

    test('nor is a patient’s file taken for another’s', async () => {
      const { picture } = published[0]!
      const file = radiograph(picture, { ...CHILD, PatientID: 'patient-7' })
      expect((await refusalOf(await ask(file, 'patient-8')))[0]).toBe('image_of_another_subject')
      const inputs = { age: { value: 40, unit: 'a' } }
      const body = { model: 'pneumonia', subject: 'patient-7', purpose: 'quality', inputs }
      expect(await refusalOf(await archive.sendParts(body, [file]))).toEqual(['image_contradicts_input', 'age'])
      const own = await archive.sendFile('pneumonia', 'application/dicom', file)
      const named = await ask(file, 'patient-7')
      expect([own.status, named.status]).toEqual([200, 200])
      expect(own.decision!.subjectPseudonym).toBe(named.decision!.subjectPseudonym)
      const nobody = await archive.sendFile('pneumonia', 'application/dicom', radiograph(picture, CHILD))
      expect([nobody.error?.code, nobody.decision]).toEqual(['subject_missing', undefined])
    }, 60_000)

    test('are explained by what covering their places takes away, in a second record, and replayed to the last bit', async () => {
      const { decision } = await ask(radiograph(published[1]!.picture, CHILD), 'child-2')
      const { decisionId, explanation } = decision!
      expect(explanation).toMatchObject({ method: 'pending', of: 'normal' })
      await expect.poll(async () => (await read(decisionId)).explained, { timeout: 60_000 }).not.toBeNull()
      const { explained, decision: kept } = await read(decisionId)
      expect(kept).toEqual(decision)
      expect(explained?.explanation).toMatchObject({ method: 'occlusion', of: 'normal', map: { rows: 7, columns: 7 } })
      expect(explained?.explanation.map?.values).toHaveLength(49)
      expect(explained?.explanation.deletion).toMatchObject({ score: expect.any(Number), random: expect.any(Number) })
      const { status, stdout, stderr } = spawnSync(process.execPath, [
        ...[CLI, 'decision', 'replay', decisionId, '--site', site.root, '--json'],
      ])
      expect([status, stderr.toString()]).toEqual([0, ''])
      expect(JSON.parse(stdout.toString())).toMatchObject({ outcome: 'same', explanation: 'same' })
    }, 120_000)

    test('every refusal is a leaf of the log, which holds', () => {
      const leaves = leavesOf(site)
      const refused = leaves.filter(({ kind, outcome }) => kind === 'decision' && outcome !== 'scored')
      expect(leaves.some(({ kind }) => kind === 'explained')).toBe(true)
      expect(refused).toHaveLength(refusals)
      expect(refusals).toBeGreaterThan(10)
      expect(verifySite(site).code).toBe(0)
    })
  })
})
