import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { sharedData } from '../../house/shared-data.ts'
import { verifyContract } from '../contract/consistency.ts'
import { Refusal } from '../contract/errors.ts'
import { parseGoldenVectors, verifyGoldenVectors } from '../contract/golden.ts'
import { guard } from '../contract/guard.ts'
import { preprocess } from '../contract/preprocess.ts'
import { goldenFailures } from '../onnx/testkit/golden-run.ts'
import { floatRows, runModel } from '../onnx/testkit/run-model.ts'
import { packModel } from '../package/pack.ts'
import { syntheticPatients } from '../synthetic/patients.ts'
import { seededRandom } from '../synthetic/seeded-random.ts'
import { sepsisRiskContract } from './contract.ts'
import { type HourlyRow, observationsAt } from './hourly.ts'
import { featureColumns, OBSERVED_HOURS, sepsisInputs } from './inputs.ts'
import { networkProbability } from './network.ts'
import { sepsisRiskDraft } from './package.ts'
import { parseStay } from './stay.ts'
import { readStayFiles } from './stay-files.ts'
import { featureRow, latestValues, type TrainingStay, trainingStay } from './training/dataset.ts'
import { figureValues } from './training/evaluation.ts'
import { columnScales, scoreStay } from './training/fit.ts'
import { splitStays } from './training/split.ts'
import { measured, sepsisWeights } from './weights.ts'

const NOW_MS = Date.UTC(2026, 0, 2)
const draft = sepsisRiskDraft()
const file = (role: string) => draft.files.find((each) => each.role === role)?.content ?? new Uint8Array()
const golden = parseGoldenVectors(file('golden-vectors'))
const fill = sepsisInputs.map(({ name }) => sepsisWeights.fill[name] ?? Number.NaN)

/** The tensor's row by guard and preprocessing, as in service; undefined when refused. */
function served(rows: readonly HourlyRow[], index: number): number[] | undefined {
  const observations = sepsisRiskContract.inputs.map(({ name, series }) => {
    const seen = observationsAt(rows, index, [name], NOW_MS, series ? OBSERVED_HOURS + 10 : 1)
    return seen
  })
  try {
    const guarded = guard(Object.assign({}, ...observations), sepsisRiskContract, NOW_MS)
    return Array.from(preprocess(guarded, sepsisRiskContract, NOW_MS).features?.data as Float32Array)
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}

/** The same row as training made it. */
function trained(rows: readonly HourlyRow[]): (number[] | undefined)[] {
  return latestValues(rows).map(({ values }) => values && featureRow(values, fill).map(Math.fround))
}

function expectSameFeatures(rows: readonly HourlyRow[]): void {
  const service = rows.map((_, index) => served(rows, index))
  expect(service).toEqual(trained(rows))
}

/** Drops values at random and puts artefacts in, as a chart has them. */
function spoil(rows: readonly HourlyRow[], seed: number): HourlyRow[] {
  const random = seededRandom(seed)
  const context = ['age', 'icu-hours']
  return rows.map((row) => {
    const values = Object.entries(row.values).flatMap(([name, value]) => {
      const draw = context.includes(name) ? 1 : random.uniform()
      if (draw < 0.5) return []
      return [[name, draw < 0.55 && typeof value.value === 'number' ? { ...value, value: 5000 } : value] as const]
    })
    return { ...row, values: Object.fromEntries(values) }
  })
}

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

  it('is fed in service exactly what it was trained on', () => {
    for (const [index, { rows }] of syntheticPatients(7, 6).entries()) {
      expectSameFeatures(rows)
      expectSameFeatures(spoil(rows, index))
    }
  })

  it('computes what the reference computes, over the whole range of its columns', async () => {
    const random = seededRandom(99)
    const rows = Array.from({ length: 4096 }, () =>
      featureColumns.map((_, column) => {
        const clip = sepsisInputs[column]?.clip
        return Math.fround(
          clip === undefined ? random.integer(2) : clip.low + random.uniform() * (clip.high - clip.low),
        )
      }),
    )
    const { probability } = await runModel(file('model'), { features: floatRows(rows) })
    const worst = rows.map((row, index) =>
      Math.abs(networkProbability(sepsisWeights.network, row, columnScales) - Number(probability?.data[index])),
    )
    expect(Math.max(...worst)).toBeLessThan(draft.manifest.tolerance.cpu / 10)
  })

  it('explains every column once, against the mean of the training hours', () => {
    const { explanation } = sepsisRiskContract
    const columns = explanation.method === 'exact-shapley' ? explanation.groups.flatMap((group) => group.columns) : []
    expect(columns.toSorted((a, b) => a - b)).toEqual(featureColumns.map((_, column) => column))
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

describe.skipIf(!sharedData)('sepsis risk on real stays', () => {
  let stays: TrainingStay[] = []
  beforeAll(async () => {
    const files = await readStayFiles(join(sharedData ?? '', 'sepsis'))
    stays = files.map(({ text }) => trainingStay(parseStay(text))).filter((stay) => stay !== undefined)
  })

  it('is fed in service exactly what it was trained on', () => {
    const folder = join(sharedData ?? '', 'sepsis', 'sepsyd-expected')
    const names = readdirSync(folder).filter((name) => name.endsWith('.psv'))
    for (const name of names) expectSameFeatures(parseStay(readFileSync(join(folder, name), 'utf8')))
  })

  it('still measures on the held-out stays what the package says', () => {
    const { heldOut } = splitStays(stays, measured.seed)
    const scored = heldOut.map((stay) => scoreStay({ fill, network: sepsisWeights.network }, sepsisWeights.platt, stay))
    const published = Object.entries(measured.heldOut).map(([figure, { value }]) => [figure, value])
    expect(figureValues(scored, sepsisWeights.threshold)).toEqual(Object.fromEntries(published))
    expect(measured.heldOut.auroc.value).toBeGreaterThan(0.69)
  })
})
