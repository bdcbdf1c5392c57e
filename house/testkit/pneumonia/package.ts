import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalBytes } from '../../../device/platform/canonical-json.ts'
import type { GoldenVectors } from '../../../models/contract/schema.ts'
import { tensorNumbers } from '../../../models/contract/tensor.ts'
import { runModel } from '../../../models/onnx/testkit/run-model.ts'
import type { PackageDraft } from '../../../models/package/pack.ts'
import { radiograph } from '../images/dicom.ts'
import { type GreyPicture, readGreyPng } from '../images/png.ts'
import { publishedTensor } from './independent.ts'

/** One of the ten radiographs, and what its author published of it. */
export interface PublishedImage {
  readonly name: string
  readonly picture: GreyPicture
  readonly publishedClass: string
  readonly confidence: number
}

export const pneumoniaManifest: PackageDraft['manifest'] = JSON.parse(
  readFileSync(new URL('./manifest.json', import.meta.url), 'utf8'),
)

const folderOf = (data: string) => join(data, 'models/pneumonia-squeezenet')

/** @param data the folder of shared data */
export function pneumoniaModel(data: string): Buffer {
  return readFileSync(join(folderOf(data), 'squeezenet1_1_pneumonia3.onnx'))
}

export async function publishedImages(data: string): Promise<readonly PublishedImage[]> {
  const { rows }: { rows: readonly { png: string; published_class: string; published_conf: number }[] } = JSON.parse(
    readFileSync(join(folderOf(data), 'expected.json'), 'utf8'),
  )
  return Promise.all(
    rows.map(async ({ png, published_class, published_conf }) => {
      const picture = await readGreyPng(join(folderOf(data), png))
      return { name: png, picture, publishedClass: published_class, confidence: published_conf }
    }),
  )
}

/** The published model as a package: its manifest is data, its ONNX file is read where it lies. No code is its own. */
export async function pneumoniaDraft(data: string): Promise<PackageDraft> {
  const licences = ['LICENSE-MIT', 'LICENSE-BSD2', 'LICENSE-BSD3', 'LICENSE-Apache']
  const texts = licences.map((name) => readFileSync(join(folderOf(data), name)))
  return {
    manifest: pneumoniaManifest,
    files: [
      { role: 'model', content: pneumoniaModel(data) },
      { role: 'golden-vectors', content: canonicalBytes(await drawnVectors(data)) },
      { role: 'licence', content: Buffer.concat(texts) },
    ],
  }
}

/** A drawn chest, with the logits of an independent run, and two that must be refused. */
async function drawnVectors(data: string): Promise<GoldenVectors> {
  const picture = drawnChest()
  const { logits } = await runModel(pneumoniaModel(data), { input: publishedTensor(picture) })
  const values = tensorNumbers(logits!)
  const image = (said: Parameters<typeof radiograph>[1]) => radiograph(picture, said).toString('base64')
  const age = [{ value: 4, unit: 'a', ageMinutes: 0 }]
  const refused = (code: string, about: string) => ({ refused: code, about })
  const reason = pneumoniaManifest.contract.population.criteria[0]!.reason
  return {
    version: 1,
    vectors: [
      { name: 'drawn chest of a child', image: image({ PatientAge: '004Y' }), inputs: {}, expect: scored(values) },
      { name: 'the age is sent', image: image({}), inputs: { age }, expect: scored(values) },
      {
        name: 'an adult',
        image: image({ PatientAge: '045Y' }),
        inputs: {},
        expect: refused('population_excluded', reason),
      },
      { name: 'of no age', image: image({}), inputs: {}, expect: refused('input_missing', 'age') },
    ],
  }
}

function scored(logits: readonly number[]): GoldenVectors['vectors'][number]['expect'] {
  const parts = logits.map((value) => Math.exp(value - Math.max(...logits)))
  const [bacterial, normal, viral] = parts.map((part) => [part / parts.reduce((sum, one) => sum + one)])
  const finding = [logits.indexOf(Math.max(...logits))]
  return {
    outputs: { finding, bacterial: bacterial!, normal: normal!, viral: viral!, logits: [...logits] },
    alert: false,
  }
}

/** Two dark ovals in something lighter, with a paper's white margin. */
function drawnChest(): GreyPicture {
  const [rows, columns] = [240, 280]
  const values = Uint8Array.from({ length: rows * columns }, (_, place) => {
    const [row, column] = [Math.floor(place / columns), place % columns]
    if (row < 4 || row >= rows - 4 || column < 4 || column >= columns - 4) return 255
    const isLung = [90, 190].some((centre) => ((column - centre) / 38) ** 2 + ((row - 120) / 80) ** 2 < 1)
    return (isLung ? 60 : 150) + ((row * 7 + column * 3) % 32)
  })
  return { rows, columns, values }
}
