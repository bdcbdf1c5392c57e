import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Site } from '../../demo/site.ts'
import type { Contract } from '../../models/contract/schema.ts'
import { tensorNumbers } from '../../models/contract/tensor.ts'
import { runModel } from '../../models/onnx/testkit/run-model.ts'
import type { PackageIdentity } from '../../models/package/pack.ts'
import { writeNifti } from '../../runtime/images/testkit/nifti-writer.ts'
import { radiograph } from '../testkit/images/dicom.ts'
import { readByteVolume } from '../testkit/images/nifti-file.ts'
import { commonDecisions, type Decisions, decideAll } from '../testkit/vendor/decide.ts'
import { DEPTH, SIDE, spotModel, spotWeights, tissueModel } from '../testkit/vendor/graphs.ts'
import { type Appliance, makeSite, removeSite, startAppliance } from './appliance.ts'
import { ImageClient } from './testkit/image-client.ts'
import { leavesOf } from './testkit/model-store.ts'
import { placeSigned } from './testkit/signed-release.ts'

const CLI = fileURLToPath(new URL('../../runtime/bin/wardstone.ts', import.meta.url))
const PLACES = 8
/** Rows and columns of what is drawn. */
const SPOT = 8

const folder = mkdtempSync(join(tmpdir(), 'wardstone-vendor-'))
const at = (name: string) => join(folder, name)

let site: Site
let appliance: Appliance
let archive: ImageClient
let reader: ImageClient

/** The command line of the product, as the vendor has it. */
function wardstone(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    )
  })
}

/** Grey everywhere, and a very bright square whose upper left corner is there. */
function drawing(row: number, column: number) {
  const values = Uint8Array.from({ length: SIDE * SIDE }, (_, place) => {
    const [down, right] = [Math.floor(place / SIDE) - row, (place % SIDE) - column]
    if (down >= 0 && down < SPOT && right >= 0 && right < SPOT) return 255
    return 40 + ((place * 7919) % 20)
  })
  return { rows: SIDE, columns: SIDE, values }
}

/** What the model takes of a drawing: from its own least and most to 0 … 1, then (x − 0.5) / 0.25. */
async function spotScores(values: Uint8Array): Promise<{ scores: number[]; probability: number }> {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const data = Float32Array.from(values, (value) => ((value - least) / (most - least) - 0.5) / 0.25)
  const { scores } = await runModel(spotModel(), { pixels: { dtype: 'float32', dims: [1, 1, SIDE, SIDE], data } })
  const [none = 0, spot = 0] = tensorNumbers(scores!)
  return { scores: [none, spot], probability: 1 / (1 + Math.exp(none - spot)) }
}

const spotDecisions: Decisions = [
  ...commonDecisions,
  [/guards\.0\.oneOf\.0$/, 'CR'],
  [/guards\.1\.oneOf\.0$/, 'CHEST'],
  [/guards\.2\.oneOf\.0$/, 'MONOCHROME2'],
  [/\.filter$/, 'bilinear'],
  [/\.mean$/, [0.5]],
  [/\.sd$/, [0.25]],
  [/postprocessing\.0\.op$/, 'softmax'],
  [/postprocessing\.1\.index$/, 1],
  [/labels\.0\.code$/, 'none'],
  [/labels\.1\.code$/, 'spot'],
  [/labels\.\d\.text$/, 'Whether there is a spot'],
  [/explanation\.fill$/, -2],
]

const tissueDecisions: Decisions = [
  ...commonDecisions,
  [/guards\.0\.oneOf\.0$/, 'MR'],
  [/guards\.1\.oneOf\.0$/, 'HEAD'],
  [/\.axes$/, 'RAS'],
  [/\.spacingMm$/, [2, 2, 2]],
  [/\.value$/, 0],
  [/labels\.0\.code$/, 'air'],
  [/labels\.1\.code$/, 'tissue'],
  [/labels\.2\.code$/, 'bone'],
  [/labels\.\d\.text$/, 'What is there'],
  [/explanation\.reason$/, 'it shows itself what it saw where'],
]

interface Release {
  readonly name: string
  readonly model: Uint8Array
  readonly decisions: Decisions
  readonly golden: readonly object[]
  readonly change?: (contract: Contract) => Contract
}

/** import, decide, check, pack, sign: by the commands and what they say alone. */
async function release({ name, model, decisions, golden, change = (contract) => contract }: Release): Promise<void> {
  writeFileSync(at(`${name}.onnx`), model)
  const imported = await wardstone('model', 'import', at(`${name}.onnx`), '--output', at(`${name}.draft.json`))
  expect(imported.code, imported.err).toBe(0)
  const draft: unknown = JSON.parse(readFileSync(at(`${name}.draft.json`), 'utf8'))
  const { manifest, left } = decideAll(draft, decisions)
  expect(left).toEqual([])
  const whole = manifest as { contract: Contract }
  writeFileSync(at(`${name}.json`), JSON.stringify({ ...whole, contract: change(whole.contract) }))
  writeFileSync(at(`${name}.golden.json`), JSON.stringify({ version: 1, vectors: golden }))
  writeFileSync(at('LICENCE'), 'A model of this test.\n')
  const both = [at(`${name}.json`), '--model', at(`${name}.onnx`), '--golden-vectors', at(`${name}.golden.json`)]
  const checked = await wardstone('model', 'check', ...both)
  // Warnings alone: nobody is outside the population.
  expect([checked.code, checked.err], checked.out).toEqual([10, ''])
  expect(checked.out).toContain('draft_population_open')
  const packed = await wardstone('model', 'pack', ...both, '--licence', at('LICENCE'), '--output', at(name), '--json')
  expect(packed.code, packed.err).toBe(0)
  const statement = site.path('store/image.json')
  const previous = existsSync(statement) ? ['--image', statement, '--vendor-key', site.path('signing/vendor.pub')] : []
  const signed = await wardstone(
    ...['model', 'sign', at(name), '--vendor-signing-key', site.path('signing/vendor.key'), ...previous],
    ...['--fleet-signing-key', site.path('signing/fleet.key'), '--device', site.deviceId],
    ...['--device-key', site.path('device/package.pub')],
  )
  expect(signed.code, signed.err).toBe(0)
  placeSigned(site, at(name), JSON.parse(packed.out) as PackageIdentity)
}

/** The last maps say where the spot is: the manifest's maker knows the weights, the graph's own. */
const byMap = (contract: Contract): Contract => ({
  ...contract,
  postprocessing: [
    ...(contract.postprocessing ?? []),
    { op: 'class-activation-map', version: 1, from: 'maps', to: 'where', weights: [...spotWeights], relu: true },
  ],
  explanation: {
    ...{ method: 'class-activation-map', output: 'scores-probability', map: 'where', tensor: 'pixels' },
    ...{ fill: -2, seed: 3, batch: PLACES, budgetMs: 2000 },
  },
})

const blockAffine = [2, 0, 0, -16, 0, 2, 0, -16, 0, 0, 2, -16]

/** Rising brightness, in voxels of the size that the model takes. */
function block(): Buffer {
  const voxels = Uint8Array.from({ length: DEPTH ** 3 }, (_, place) => (place * 255) / (DEPTH ** 3 - 1))
  return writeNifti({ dim: [DEPTH, DEPTH, DEPTH], datatype: 2, voxels, rows: blockAffine, pixdim: [2, 2, 2] })
}

/** The labels of {@link block}, by what the model says of a brightness from 0 to 1: 0, 3x − 1 and 6x − 3. */
const blockLabels = Uint8Array.from({ length: DEPTH ** 3 }, (_, place) => {
  const unit = Math.floor((place * 255) / (DEPTH ** 3 - 1)) / 255
  return unit <= 1 / 3 ? 0 : unit <= 2 / 3 ? 1 : 2
})
const blockCounts = [0, 1, 2].map((label) => blockLabels.filter((each) => each === label).length)

beforeAll(async () => {
  site = await makeSite([])
  const { values } = drawing(10, 42)
  const { scores, probability } = await spotScores(values)
  const image = radiograph(drawing(10, 42)).toString('base64')
  const outputs = { scores, 'scores-class': [1], 'scores-probability': [probability] }
  const hand = radiograph(drawing(10, 42), { BodyPartExamined: 'HAND' }).toString('base64')
  const golden = [
    { name: 'a spot', image, inputs: {}, expect: { outputs, alert: false } },
    { name: 'a hand', image: hand, inputs: {}, expect: { refused: 'image_attribute_excluded', about: 'body-part' } },
    { name: 'nothing', inputs: {}, expect: { refused: 'image_missing' } },
  ]
  await release({ name: 'spot', model: spotModel(), decisions: spotDecisions, golden })
  await release({ name: 'spot-map', model: spotModel(), decisions: spotDecisions, golden, change: byMap })
  const volume = gzipSync(block()).toString('base64')
  const counted = { outputs: { classes: blockCounts }, alert: false }
  await release({
    ...{ name: 'tissue', model: tissueModel(), decisions: tissueDecisions },
    golden: [{ name: 'a block', image: volume, inputs: {}, expect: counted }],
  })
  appliance = await startAppliance(site)
  archive = new ImageClient('bedside', site, appliance.url)
  reader = new ImageClient('clinician', site, appliance.url)
  expect(await archive.whenLoaded(), appliance.words()).toEqual(['active', 'active', 'active'])
}, 180_000)

afterAll(async () => {
  archive?.close()
  reader?.close()
  await appliance?.stop()
  if (site) removeSite(site)
  rmSync(folder, { recursive: true, force: true })
})

const ask = (model: string, file: Uint8Array) => archive.sendFile(model, 'application/dicom', file, 'example-0001')

/** Row and column of the place that adds most. */
function strongest(map: { columns: number; values: readonly number[] } | undefined): readonly number[] {
  const { columns, values } = map ?? { columns: 1, values: [] }
  const place = values.indexOf(Math.max(...values))
  return [Math.floor(place / columns), place % columns]
}

describe('a model of images that nobody here has seen, by the commands alone', () => {
  test('decides as it does outside the box', async () => {
    for (const [row, column] of [
      [10, 42],
      [42, 18],
    ] as const) {
      const { values } = drawing(row, column)
      const { scores, probability } = await spotScores(values)
      const { status, decision } = await ask('spot', radiograph(drawing(row, column)))
      expect(status).toBe(200)
      const { outputs } = decision!.assessment!
      expect(outputs['scores-class']?.label?.code).toBe('spot')
      expect(outputs['scores-probability']?.values[0]).toBeCloseTo(probability, 5)
      expect(outputs.scores?.values.map((value) => value.toFixed(3))).toEqual(scores.map((value) => value.toFixed(3)))
    }
  })

  test('is guarded by what its maker decided', async () => {
    const refused = async (said: Parameters<typeof radiograph>[1]) => {
      const { status, error, decision } = await ask('spot', radiograph(drawing(10, 42), said))
      return [status, decision?.outcome, error?.code, error?.about]
    }
    const excluded = [422, 'refused', 'image_attribute_excluded']
    expect(await refused({ Modality: 'CT' })).toEqual([...excluded, 'modality'])
    expect(await refused({ BodyPartExamined: 'SKULL' })).toEqual([...excluded, 'body-part'])
    expect(await refused({ PhotometricInterpretation: 'MONOCHROME1' })).toEqual([...excluded, 'photometric'])
    const { status, error } = await archive.sendFile('spot', 'application/nifti', gzipSync(block()), 'example-0001')
    expect([status, error?.code]).toEqual([422, 'image_format_excluded'])
  })

  test('is explained by covering places, and the spot is what counted', async () => {
    for (const [row, column] of [
      [10, 42],
      [42, 18],
    ] as const) {
      const { decision } = await ask('spot', radiograph(drawing(row, column)))
      const { explanation } = decision!
      expect(explanation).toMatchObject({ method: 'occlusion', of: 'scores-probability' })
      expect(explanation?.map).toMatchObject({ rows: PLACES, columns: PLACES })
      const [down = 0, right = 0] = strongest(explanation?.map)
      const { rowEdges = [], columnEdges = [] } = explanation!.map!
      const overlap = (edges: readonly number[], place: number, spot: number) =>
        Math.min(edges[place + 1]!, spot + SPOT) - Math.max(edges[place]!, spot)
      expect(overlap(rowEdges, down, row)).toBeGreaterThan(0)
      expect(overlap(columnEdges, right, column)).toBeGreaterThan(0)
      expect(explanation!.deletion!.score).toBeLessThan(explanation!.deletion!.random)
    }
  })

  test('or by its own last map, in one pass', async () => {
    const { decision } = await ask('spot-map', radiograph(drawing(42, 18)))
    const { explanation } = decision!
    expect(explanation).toMatchObject({ method: 'class-activation-map', map: { rows: SIDE / 4, columns: SIDE / 4 } })
    expect(strongest(explanation?.map)).toEqual([11, 5])
  })

  test('is replayed to the last bit, explanation included', async () => {
    const files = { spot: radiograph(drawing(24, 24)), 'spot-map': radiograph(drawing(24, 24)), tissue: block() }
    for (const [model, file] of Object.entries(files)) {
      const isVolume = model === 'tissue'
      const type = isVolume ? 'application/nifti' : 'application/dicom'
      const explanation = isVolume ? 'not recorded' : 'same'
      const { decision } = await archive.sendFile(model, type, file, 'example-0001')
      const { code, out } = await wardstone(
        ...['decision', 'replay', decision!.decisionId, '--site', site.root, '--json'],
      )
      expect([code, JSON.parse(out)]).toMatchObject([0, { outcome: 'same', explanation }])
    }
  }, 120_000)

  test('and of a volume gives its labels back', async () => {
    const { status, error, decision } = await archive.sendFile(
      ...(['tissue', 'application/nifti', block(), 'example-0002'] as const),
    )
    expect([status, error]).toEqual([200, undefined])
    const { values, sha256 } = decision!.assessment!.outputs.classes!
    expect(values).toEqual(blockCounts)
    expect(sha256).toBe(createHash('sha256').update(blockLabels).digest('hex'))
    expect(decision!.flags.map(({ flag }) => flag)).toEqual(['attribute-unknown', 'attribute-unknown'])
    const file = await reader.getBytes(`/v1/decisions/${decision!.decisionId}/outputs/classes`)
    expect([file.status, file.type]).toEqual([200, 'application/gzip'])
    const { values: labels, affineRas } = readByteVolume(file.bytes)
    expect(Buffer.from(labels).equals(blockLabels)).toBe(true)
    expect(affineRas).toEqual(blockAffine)
    const none = await reader.getBytes(`/v1/decisions/${decision!.decisionId}/outputs/others`)
    expect([none.status, JSON.parse(none.bytes.toString('utf8'))]).toMatchObject([404, { error: {} }])
    expect(leavesOf(site).filter(({ kind }) => kind === 'read').length).toBeGreaterThan(0)
  })
})
