import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { sharedData } from '../../house/shared-data.ts'
import { checkModel } from '../authoring/check-command.ts'
import { verifyContract } from '../contract/consistency.ts'
import { Refusal } from '../contract/errors.ts'
import { goldenDifference, parseGoldenVectors, verifyGoldenVectors } from '../contract/golden.ts'
import { readOnnx } from '../onnx/reader.ts'
import { packModel } from '../package/pack.ts'
import { chestQcContract } from './contract.ts'
import { dicomFile } from './dicom-file.ts'
import { drawnChest, mirrored, negative, turned } from './drawn.ts'
import { chestQcDrawings } from './golden.ts'
import { chestQcDraft } from './package.ts'
import { CHEST_QC_SIDE } from './steps.ts'
import { areaResize } from './testkit/area-resize.ts'
import { ask, decoded, said } from './testkit/asked.ts'
import { decode, renderedRadiographs } from './testkit/pictures.ts'
import { preparedValues } from './testkit/prepared.ts'
import { measured, training } from './weights.ts'

const draft = chestQcDraft()
const file = (role: string) => draft.files.find((each) => each.role === role)?.content ?? new Uint8Array()
const model = file('model')
/** All drawings; the package has some of them. */
const golden = chestQcDrawings()
const packed = parseGoldenVectors(file('golden-vectors'))
const drawings = await Promise.all(golden.vectors.map(({ image = '' }) => decoded(Buffer.from(image, 'base64'))))
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('chest-qc package', () => {
  it('packs, has a contract that agrees with itself, and vectors that speak of it', () => {
    expect(packModel(draft, systemRandomness).manifest.modelId).toBe('chest-qc')
    expect(chestQcDraft()).toEqual(draft)
    verifyContract(chestQcContract)
    verifyGoldenVectors(packed, chestQcContract)
    expect(golden.vectors).toEqual(expect.arrayContaining(packed.vectors))
    expect(packed.vectors.length).toBeGreaterThan(4)
  })

  it('answers every golden vector within tolerance, from file to answer', async () => {
    const answers = await ask(model, drawings)
    const differences = golden.vectors.map((vector, index) => {
      const answer = answers[index]!
      return goldenDifference(
        vector,
        answer instanceof Refusal ? answer : answer.assessment,
        draft.manifest.tolerance.cpu,
      )
    })
    expect(differences).toEqual(golden.vectors.map(() => undefined))
  })

  it('is the model that was trained and measured, and small', () => {
    expect(sha256(model)).toBe(training.modelSha256)
    expect(measured.modelSha256).toBe(training.modelSha256)
    expect(model.length).toBeLessThan(1024 * 1024)
  })

  it('is found sound by the check that any package passes', () => {
    const manifest = { schemaVersion: 1, ...draft.manifest } as const
    const { findings, memoryEstimateBytes } = checkModel(manifest, readOnnx(model), [], { ...packed })
    expect(findings).toEqual([])
    expect(memoryEstimateBytes).toBeLessThanOrEqual(draft.manifest.memoryBytes)
  })

  it('says what it is not, and gives every figure with its interval', () => {
    const card = new TextDecoder().decode(file('card'))
    expect(card).toContain('NOT FOR CLINICAL USE')
    expect(card).toContain('NIH Clinical Center')
    expect(draft.manifest.clinicalStatus).toBe('research')
    expect(draft.manifest.validation.metrics.every(({ low, high }) => low !== null && high !== null)).toBe(true)
  })

  it('explains by a map whose mean is what the frontal probability is made of', async () => {
    const [answer] = await ask(model, drawings.slice(0, 1))
    if (answer === undefined || answer instanceof Refusal) return expect.unreachable()
    const { features, frontal } = answer.tensors
    const weights = training.frontalWeights
    const places = 64
    const logit = weights.reduce((sum, weight, channel) => {
      const map = Array.from({ length: places }, (_, place) => Number(features?.data[channel * places + place]))
      return sum + weight * (map.reduce((total, value) => total + value, 0) / places)
    }, training.frontalConstant)
    expect(1 / (1 + Math.exp(-logit))).toBeCloseTo(Number(frontal?.data[0]), 4)
    expect(answer.tensors['frontal-map']?.dims).toEqual([1, 8, 8])
  })
})

describe('chest-qc answers', () => {
  it('turn with the picture: sixteen orientations, one answer about the chest', async () => {
    const shown = [0, 1, 2, 3].flatMap((turns) =>
      [false, true].flatMap((isMirrored) => [false, true].map((isNegative) => ({ turns, isMirrored, isNegative }))),
    )
    const images = await Promise.all(shown.map((each) => decoded(oriented(each))))
    const answers = await ask(model, images)
    const upright = answers[0]
    const told = {
      rotation: said(upright, 'rotation'),
      inverted: said(upright, 'inverted') > 0.5,
      mirrored: said(upright, 'mirrored') > 0.5,
    }
    for (const [index, each] of shown.entries()) {
      const answer = answers[index]
      expect(said(answer, 'frontal')).toBeCloseTo(said(upright, 'frontal'), 3)
      expect(said(answer, 'inverted') > 0.5).toBe(told.inverted !== each.isNegative)
      expect(said(answer, 'mirrored') > 0.5).toBe(told.mirrored !== each.isMirrored)
      const own = each.isMirrored ? 4 - told.rotation : told.rotation
      expect(said(answer, 'rotation')).toBe((each.turns + own) % 4)
    }
  })

  it('are not given for what says that it is no frontal chest radiograph', async () => {
    const refused = golden.vectors.filter(({ expect: expected }) => 'refused' in expected)
    const answers = await ask(model, drawings.slice(-refused.length))
    expect(answers.map((answer) => (answer instanceof Refusal ? [answer.code, answer.about] : []))).toEqual(
      ['modality', 'body-part', 'view-position'].map((about) => ['image_attribute_excluded', about]),
    )
  })

  it('call what is blank, noise or a slope no chest', async () => {
    const answers = await ask(model, drawings)
    for (const name of ['blank', 'white noise', 'slope', 'drawn limb']) {
      const index = golden.vectors.findIndex((vector) => vector.name === name)
      expect(said(answers[index], 'frontal'), name).toBeLessThan(0.5)
    }
  })
})

interface Orientation {
  readonly turns: number
  readonly isMirrored: boolean
  readonly isNegative: boolean
}

/** Mirrored first, then turned: the order in which the answers are meant. */
function oriented({ turns, isMirrored, isNegative }: Orientation): Uint8Array {
  let drawing = isMirrored ? mirrored(drawnChest()) : drawnChest()
  for (let turn = 0; turn < turns; turn += 1) drawing = turned(drawing)
  return dicomFile({ ...(isNegative ? negative(drawing) : drawing), modality: 'CR', photometric: 'MONOCHROME2' })
}

describe('chest-qc steps', () => {
  it('resize like an implementation that stands apart', () => {
    const image = drawings[0]!
    const { rows, columns } = image
    const resized = areaResize({ rows, columns, values: Float32Array.from(image.pixels) }, CHEST_QC_SIDE, CHEST_QC_SIDE)
    const low = resized.values.reduce((least, value) => Math.min(least, value))
    const high = resized.values.reduce((most, value) => Math.max(most, value))
    const expected = resized.values.map((value) => (2 * (value - low)) / (high - low) - 1)
    const worst = preparedValues(image, CHEST_QC_SIDE).map((value, at) => Math.abs(value - expected[at]!))
    expect(worst.reduce((most, value) => Math.max(most, value))).toBeLessThan(1e-5)
  })
})

describe.skipIf(!sharedData)('chest-qc on real pictures', () => {
  const data = sharedData ?? ''

  it('knows computed radiographs that it has not learnt from, MONOCHROME1 as they are', async () => {
    const paths = ['fo-dicom/CR-MONO1-10-chest', 'pydicom-data/RG1_J2KI.dcm']
    const images = await Promise.all(paths.map((path) => decode(join(data, 'dicom', path))))
    const answers = await ask(
      model,
      images.map((image) => image!),
    )
    for (const [index, answer] of answers.entries()) {
      expect(said(answer, 'frontal'), paths[index]).toBeGreaterThan(0.5)
      expect(said(answer, 'rotation'), paths[index]).toBe(0)
      expect(said(answer, 'inverted'), paths[index]).toBeLessThan(0.5)
      expect(said(answer, 'mirrored'), paths[index]).toBeLessThan(0.5)
    }
  })

  it('refuses what says of itself that it is none, before the network is asked', async () => {
    const images = await Promise.all(
      ['pydicom-data/RG3_J2KI.dcm', 'pydicom-data/693_UNCI.dcm'].map((path) => decode(join(data, 'dicom', path))),
    )
    const answers = await ask(
      model,
      images.map((image) => image!),
    )
    expect(answers.map((answer) => answer instanceof Refusal && answer.about)).toEqual(['body-part', 'modality'])
  })

  it('still says of the radiographs of children what was measured', async () => {
    const pictures = await renderedRadiographs(data)
    const answers = await ask(
      model,
      pictures.map(({ image }) => image),
    )
    const measuredThen = new Map(Object.entries(measured.alone['chest-child'].said))
    expect(pictures.map(({ name }) => name).toSorted()).toEqual([...measuredThen.keys()].toSorted())
    for (const [index, { name }] of pictures.entries())
      expect(said(answers[index], 'frontal'), name).toBeCloseTo(measuredThen.get(name) ?? Number.NaN, 3)
  }, 60_000)
})
