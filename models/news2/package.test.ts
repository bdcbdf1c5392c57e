import { describe, expect, it } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { verifyContract } from '../contract/consistency.ts'
import { parseGoldenVectors, verifyGoldenVectors } from '../contract/golden.ts'
import { goldenFailures } from '../onnx/testkit/golden-run.ts'
import { packModel } from '../package/pack.ts'
import { news2Contract } from './contract.ts'
import { news2GoldenVectors } from './golden.ts'
import { news2Draft } from './package.ts'
import { parameters } from './table.ts'

const draft = news2Draft()
const file = (role: string) => draft.files.find((each) => each.role === role)?.content ?? new Uint8Array()
const text = (role: string) => new TextDecoder().decode(file(role))
const golden = parseGoldenVectors(file('golden-vectors'))
const named = (name: string) => golden.vectors.find((vector) => vector.name === name)?.expect

describe('NEWS2 package', () => {
  it('packs, and is the same draft each time', () => {
    expect(packModel(draft, systemRandomness).manifest.modelId).toBe('news2')
    expect(news2Draft()).toEqual(draft)
  })

  it('has a contract that agrees with itself and vectors that speak of it', () => {
    verifyContract(news2Contract)
    verifyGoldenVectors(golden, news2Contract)
    expect(golden).toEqual(news2GoldenVectors())
  })

  it('answers every golden vector exactly, from guard to postprocess', async () => {
    expect(await goldenFailures(file('model'), news2Contract, golden, 0)).toEqual([])
  })

  it('notices when a single vector expects another point', async () => {
    const [first, ...rest] = golden.vectors
    const wrong = { ...first!, expect: { outputs: { aggregate: [19] }, alert: true } }
    const failures = await goldenFailures(file('model'), news2Contract, { version: 1, vectors: [wrong, ...rest] }, 0)
    expect(failures).toEqual([`${first!.name}: aggregate`])
  })

  it('has a vector for both sides of every limit of the chart', () => {
    const limits: Record<string, number[]> = {
      'respiratory-rate': [8, 11, 20, 24],
      spo2: [91, 93, 95],
      'scale 2 on air': [83, 85, 87, 92],
      'scale 2 on oxygen': [83, 85, 87, 92, 94, 96],
      'systolic-pressure': [90, 100, 110, 219],
      'heart-rate': [40, 50, 90, 110, 130],
    }
    const wanted = Object.entries(limits).flatMap(([name, values]) =>
      values.flatMap((v) => [`${name} ${v}`, `${name} ${v + 1}`]),
    )
    const tenths = [35, 35.1, 36, 36.1, 38, 38.1, 39, 39.1].map((value) => `temperature ${value}`)
    const levels = ['A', 'C', 'V', 'P', 'U'].map((level) => `consciousness ${level}`)
    expect([...wanted, ...tenths, ...levels].filter((name) => named(name) === undefined)).toEqual([])
  })

  it('refuses what the score must not be used for, and whatever is missing', () => {
    for (const name of ['age 15', 'age 15.9 is not rounded up', 'pregnant']) {
      expect(named(name)).toEqual({ refused: 'population_excluded' })
    }
    for (const input of [...parameters, 'age', 'pregnant']) {
      expect(named(`missing ${input}`)).toEqual({ refused: 'input_missing', about: input })
    }
  })

  it('reaches every band and the ends of the score', () => {
    const reached = golden.vectors.flatMap(({ expect: said }) => ('outputs' in said ? [said.outputs] : []))
    const values = (name: string) => new Set(reached.map((outputs) => outputs[name]?.[0]))
    expect([...values('band')].sort()).toEqual([0, 1, 2, 3, 4])
    for (const total of [0, 1, 4, 5, 6, 7, 20]) expect(values('aggregate')).toContain(total)
  })

  it('says that it is not for clinical use, and only ever advises', () => {
    expect(draft.manifest.clinicalStatus).toBe('research')
    expect(text('card')).toContain('NOT FOR CLINICAL USE')
    const band = news2Contract.outputs.find((output) => output.name === 'band')
    const texts = band?.role === 'category' ? band.labels.map((label) => label.text) : []
    expect(texts).toHaveLength(5)
    for (const each of texts) expect(each).toContain('RCP advises')
  })
})
