import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { sharedData } from '../../house/shared-data.ts'
import { verifyContract } from '../contract/consistency.ts'
import { parseGoldenVectors, verifyGoldenVectors } from '../contract/golden.ts'
import type { Tensors } from '../contract/tensor.ts'
import { parseIcuStay } from '../icu-stays/stay.ts'
import { readStayFiles } from '../icu-stays/stay-files.ts'
import { goldenFailures } from '../onnx/testkit/golden-run.ts'
import { runModel } from '../onnx/testkit/run-model.ts'
import { packModel } from '../package/pack.ts'
import { sepsisRiskContract } from './contract.ts'
import { featureColumns, trainingSpec } from './features.ts'
import { type HourlyRow, hourlyRows } from './hourly.ts'
import { seriesInputs } from './inputs.ts'
import { madeUpStays, stayText } from './made-up.ts'
import { sepsisRiskDraft } from './package.ts'
import { figureValues } from './training/evaluation.ts'
import { calibratedScores, featureRows, rawScores, trainingStay } from './training/scoring.ts'
import { partOf } from './training/split.ts'
import { agreement, calibration, measured, training } from './weights.ts'

const draft = sepsisRiskDraft()
const file = (role: string) => draft.files.find((each) => each.role === role)?.content ?? new Uint8Array()
const golden = parseGoldenVectors(file('golden-vectors'))
const trainFolder = new URL('train/', import.meta.url)
const run = (inputs: Tensors) => runModel(file('model'), inputs)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('sepsis risk package', () => {
  it('packs, has a contract that agrees with itself, and vectors that speak of it', () => {
    expect(packModel(draft, systemRandomness).manifest.modelId).toBe('sepsis-risk')
    expect(sepsisRiskDraft()).toEqual(draft)
    verifyContract(sepsisRiskContract)
    verifyGoldenVectors(golden, sepsisRiskContract)
  })

  it('answers every golden vector within tolerance, from guard to postprocess', async () => {
    expect(await goldenFailures(file('model'), sepsisRiskContract, golden, draft.manifest.tolerance.cpu)).toEqual([])
  })

  it('has golden vectors on both sides of the threshold', () => {
    const alerts = golden.vectors.flatMap((vector) => ('alert' in vector.expect ? [vector.expect.alert] : []))
    expect(new Set(alerts)).toEqual(new Set([true, false]))
  })

  it('is the model that was trained and measured', () => {
    expect(sha256(file('model'))).toBe(training.modelSha256)
    expect(measured.modelSha256).toBe(training.modelSha256)
    expect(file('model').length).toBeLessThan(1.5 * 1024 * 1024)
  })

  it('explains every column once, against an ordinary hour', () => {
    const { explanation } = sepsisRiskContract
    const columns = explanation.method === 'exact-shapley' ? explanation.groups.flatMap((group) => group.columns) : []
    expect(columns.toSorted((a, b) => a - b)).toEqual(featureColumns.map((_, column) => column))
    expect(Object.keys(training.baseline)).toEqual(featureColumns)
  })

  it('publishes histograms of no fewer than eleven', () => {
    for (const { input, edges, counts } of draft.manifest.referenceHistograms) {
      expect(Math.min(...counts), input).toBeGreaterThanOrEqual(11)
      expect(edges, input).toHaveLength(counts.length + 1)
      expect(edges, input).toEqual(edges.toSorted((a, b) => a - b))
    }
  })

  it('says what it is not, and gives the figures with their intervals', () => {
    const card = new TextDecoder().decode(file('card'))
    expect(card).toContain('NOT FOR CLINICAL USE')
    expect(card).toContain('Reyna')
    expect(draft.manifest.clinicalStatus).toBe('research')
    expect(draft.manifest.validation.metrics.every(({ low, high }) => low !== null && high !== null)).toBe(true)
  })
})

describe('sepsis risk training', () => {
  it('reads the steps of the contract and the made-up stays as they are', () => {
    expect(JSON.parse(readFileSync(new URL('spec.json', trainFolder), 'utf8'))).toEqual(trainingSpec())
    const folder = new URL('made-up/', trainFolder)
    const stays = madeUpStays()
    expect(readdirSync(folder).sort()).toEqual(stays.map(({ name }) => `${name}.psv`).sort())
    for (const { name, rows } of stays) {
      expect(readFileSync(new URL(`${name}.psv`, folder), 'utf8')).toBe(stayText(rows))
      expect(withoutOthers(hourlyRows(parseIcuStay(stayText(rows))))).toEqual(withoutOthers(rows))
    }
  })

  it('was fed to the last bit what service feeds, and answered the same hours', () => {
    for (const { name, rows } of madeUpStays()) {
      const features = featureRows(rows)
      expect(features.map((row) => (row === undefined ? 0 : 1))).toEqual(agreement[name]?.answered)
      const bytes = features.flatMap((row) => (row === undefined ? [] : [Buffer.from(row.buffer)]))
      expect(sha256(Buffer.concat(bytes)), name).toBe(agreement[name]?.featuresSha256)
    }
    const answered = Object.values(agreement).flatMap((stay) => stay.answered)
    expect(new Set(answered)).toEqual(new Set([0, 1]))
  })

  it('scored those hours as the model file does', async () => {
    const stays = madeUpStays().map(({ name, rows }) => trainingStay(name, rows)!)
    for (const { stay, raw } of await rawScores(stays, run)) {
      const scores = agreement[stay.name]?.scores ?? []
      const worst = raw.filter((score) => score !== undefined).map((score, at) => Math.abs(score - (scores[at] ?? 1)))
      expect(Math.max(...worst)).toBeLessThan(draft.manifest.tolerance.cpu / 10)
    }
  })
})

/** What the files of stays do not carry. */
function withoutOthers(rows: readonly HourlyRow[]) {
  const read = new Set([...seriesInputs, 'age', 'icu-hours', 'hospital-to-icu-hours'])
  return rows.map(({ hour, septic, values }) => ({
    hour,
    septic,
    values: Object.fromEntries(Object.entries(values).filter(([name]) => read.has(name))),
  }))
}

describe.skipIf(!sharedData)('sepsis risk on real stays', () => {
  it('still measures on held-out stays what was measured', async () => {
    const files = await readStayFiles(join(sharedData ?? '', 'sepsis'))
    const heldOut = files.filter(({ name }) => partOf(name) === 'heldOut').slice(0, 2 * measured.sample.stays)
    const stays = heldOut.flatMap(({ name, text }) => trainingStay(name, hourlyRows(parseIcuStay(text))) ?? [])
    const raw = await rawScores(stays.slice(0, measured.sample.stays), run)
    const scored = calibratedScores(raw, { method: 'platt', ...calibration.platt })
    expect(figureValues(scored, calibration.threshold)).toMatchObject(measured.sample.figures)
    expect(measured.heldOut.auroc.value).toBeGreaterThan(0.69)
    expect(measured.heldOut.utility.value).toBeGreaterThan(0.096)
  }, 60_000)
})
