import type { GoldenVectors } from '../contract/schema.ts'
import { refusedFiles, scoredFiles } from './golden-files.ts'
import { agreement, type DrawingAgreement } from './weights.ts'

type Vector = GoldenVectors['vectors'][number]

/** Expected probabilities keep so many decimals; the tolerance of the package is wider. */
const DECIMALS = 6
/** Two ways of turning that are this close would test rounding, not the model. */
const MARGIN = 1e-2

/** Every one is decoded in a process of its own before the model may decide: these show that each answer is what it was. */
const IN_PACKAGE: readonly string[] = [
  'drawn chest',
  'drawn chest, MONOCHROME1',
  'drawn chest, a quarter turn clockwise',
  'drawn chest, mirrored, three quarter turns, negative',
  'white noise',
  'computed tomography',
]

/** Those of the drawings that go into the package. */
export function chestQcGoldenVectors(): GoldenVectors {
  const { version, vectors } = chestQcDrawings()
  return { version, vectors: vectors.filter(({ name }) => IN_PACKAGE.includes(name)) }
}

/** Drawn pictures with what the training library itself says of them, and files that are refused unseen. */
export function chestQcDrawings(): GoldenVectors {
  const scored = Object.entries(scoredFiles()).map(([name, file]) => vector(name, file, outputsOf(name)))
  const refused = refusedFiles().map(({ name, image, about }) =>
    vector(name, image, { refused: 'image_attribute_excluded', about }),
  )
  return { version: 1, vectors: [...scored, ...refused] }
}

function vector(name: string, file: Buffer, expect: Vector['expect']): Vector {
  return { name, image: file.toString('base64'), inputs: {}, expect }
}

function outputsOf(name: string): Vector['expect'] {
  const said = agreement[name]
  if (said === undefined) return { outputs: {}, alert: false }
  const { frontal, inverted, mirrored } = said
  const probabilities = { frontal: rounded(frontal), inverted: rounded(inverted), mirrored: rounded(mirrored) }
  return { outputs: { ...probabilities, ...rotationOf(said) }, alert: false }
}

function rotationOf({ rotation }: DrawingAgreement): { rotation?: number[] } {
  const [first = 0, second = 0] = rotation.toSorted((a, b) => b - a)
  return first - second < MARGIN ? {} : { rotation: [rotation.indexOf(first)] }
}

const rounded = (values: readonly number[]): number[] => values.map((value) => Number(value.toFixed(DECIMALS)))
