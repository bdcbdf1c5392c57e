import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalBytes } from '../../../device/platform/canonical-json.ts'
import type { GoldenVectors } from '../../../models/contract/schema.ts'
import { matchInputs, observationsOfHour } from '../../../models/icu-stays/observations.ts'
import { type IcuStay, parseIcuStay } from '../../../models/icu-stays/stay.ts'
import type { PackageDraft } from '../../../models/package/pack.ts'

/** A patient of the published expectations: the stay, the features of each hour, and the score of each hour. */
export interface ExpectedPatient {
  readonly name: string
  readonly text: string
  readonly stay: IcuStay
  /** float32, little-endian, [hours, 720]. */
  readonly features: Buffer
  readonly scores: readonly number[]
}

type Expected = Readonly<Record<string, { readonly sepsyd_onnx: readonly number[] }>>

export const sepsydManifest: PackageDraft['manifest'] = JSON.parse(
  readFileSync(new URL('./manifest.json', import.meta.url), 'utf8'),
)

/** @param data the folder of shared data */
export function expectedPatients(data: string): readonly ExpectedPatient[] {
  const folder = join(data, 'sepsis/sepsyd-expected')
  const expected: Expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
  return Object.entries(expected).map(([name, { sepsyd_onnx: scores }]) => {
    const text = readFileSync(join(folder, `${name}.psv`), 'utf8')
    const features = readFileSync(join(folder, 'features', `${name}.f32`))
    return { name, text, stay: parseIcuStay(text), features, scores }
  })
}

/** The published model as a package: its manifest is data, its ONNX file is read where it lies. No code is its own. */
export function sepsydDraft(data: string): PackageDraft {
  const folder = join(data, 'models/sepsyd')
  return {
    manifest: sepsydManifest,
    files: [
      { role: 'model', content: readFileSync(join(folder, 'sepsyd-xgb-720f.onnx')) },
      { role: 'golden-vectors', content: canonicalBytes(firstHours(data)) },
      { role: 'licence', content: readFileSync(join(folder, 'LICENSE.txt')) },
    ],
  }
}

/** The first hour of three patients, with the scores that were published for it. */
function firstHours(data: string): GoldenVectors {
  const matched = matchInputs(sepsydManifest.contract)
  const vectors = expectedPatients(data)
    .slice(0, 3)
    .map(({ stay, scores }, index) => {
      const sent = Object.entries(observationsOfHour(stay, 0, matched, 0)).map(([name, list]) => [
        name,
        list.map(({ value, unit }) => ({ value, unit, ageMinutes: 0 })),
      ])
      const score = scores[0] ?? Number.NaN
      const expect = { outputs: { sepsis: [score] }, alert: score >= 0.5 }
      return { name: `first hour of stay ${index + 1}`, inputs: Object.fromEntries(sent), expect }
    })
  return { version: 1, vectors }
}
