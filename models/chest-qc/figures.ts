import type { Manifest } from '../package/manifest.ts'
import { measured } from './weights.ts'

type Metric = Manifest['validation']['metrics'][number]

/** As train/train.py writes it: a share or an area, with its 95 % interval and of how many. */
interface Figure {
  readonly value: number | null
  readonly low: number | null
  readonly high: number | null
  readonly of: number
}

const headNames = {
  frontal: 'taken for a frontal chest radiograph',
  rotation: 'turn told rightly',
  inverted: 'polarity told rightly',
  mirrored: 'left and right told rightly',
  all: 'turn, polarity and sides all told rightly',
} as const

export type Head = keyof typeof headNames
export type Heads = Readonly<Record<Head, Figure>>
export const headOrder = Object.keys(headNames) as readonly Head[]

/** What the pictures of a kind of negative show. */
const kindNames: Readonly<Record<string, string>> = {
  ct: 'computed tomography',
  limb: 'radiograph of a limb',
  'made up': 'made-up pictures',
  mr: 'magnetic resonance',
  'mr-brain': 'slices and projections of one brain volume',
  nm: 'nuclear medicine',
  other: 'photographs, test patterns, text',
  piece: 'pieces of held-out chest radiographs, by patient',
  seg: 'segmentations',
  us: 'ultrasound',
}

const byPatient = `${measured.patients} patients, one radiograph each, cross-validation in ${measured.folds} parts by patient, as each of the sixteen orientations`

function metric(name: string, { value, low, high }: Figure, on: string): Metric[] {
  return value === null ? [] : [{ name, value, low, high, on }]
}

const share = (head: Head): string => `Share ${headNames[head]}`

/** All figures of the package, for manifest and card. */
export const chestQcMetrics: readonly Metric[] = [
  ...metric(
    'AUROC, frontal chest radiograph or not',
    measured.auroc,
    `${measured.patients} patients and ${measured.otherSubjects} other subjects of kinds not learnt from; bootstrap over both`,
  ),
  ...headOrder.flatMap((head) => metric(share(head), measured.heads[head], byPatient)),
  ...metric(
    'Share of other subjects taken for a frontal chest radiograph',
    measured.falseAcceptsAll,
    `${measured.falseAcceptsAll.of} subjects (${measured.falseAcceptsAll.pictures} pictures), each of a kind not learnt from`,
  ),
  ...Object.entries(measured.falseAccepts).flatMap(([kind, figure]) =>
    metric(
      `Taken for a chest: ${kindNames[kind] ?? kind}`,
      figure,
      `${figure.of} subjects, ${figure.pictures} pictures`,
    ),
  ),
  ...aloneMetrics('chest-child', 'radiographs of children (rendered figures), unlike any that was learnt from'),
  ...aloneMetrics('chest-outside', 'computed radiographs as DICOM from other sources'),
]

function aloneMetrics(kind: keyof typeof measured.alone, words: string): Metric[] {
  const found = measured.alone[kind]
  return headOrder.flatMap((head) =>
    metric(share(head), found[head], `${found[head].of} ${words}; the shipped network`),
  )
}

/** One row for each disturbance: shares of patients answered rightly, with intervals. */
export function disturbanceTable(): string {
  const rows = Object.entries(measured.byDisturbance).map(
    ([name, heads]) => `| ${name} | ${headOrder.map((head) => cell(heads[head])).join(' | ')} |`,
  )
  return [`| disturbance | ${headOrder.join(' | ')} |`, `|---|${headOrder.map(() => '---|').join('')}`, ...rows].join(
    '\n',
  )
}

const cell = ({ value, low, high }: Figure): string => (value === null ? '–' : `${value} (${low} to ${high})`)
