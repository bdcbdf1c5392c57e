import { readFileSync } from 'node:fs'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { modelCard } from '../onnx/model-card.ts'
import { modelSbom } from '../onnx/model-sbom.ts'
import type { PackageDraft } from '../package/pack.ts'
import { sepsisRiskContract } from './contract.ts'
import { sepsisRiskGoldenVectors } from './golden.ts'
import { SEPSIS_RISK_VERSION } from './inputs.ts'
import { sepsisRiskSourceAttributes } from './source-attributes.ts'
import { calibration, measured, training } from './weights.ts'

const MEMORY_BYTES = 64 * 1024 * 1024

const dataCredit = [
  'Trained on data of the PhysioNet/Computing in Cardiology Challenge 2019 (CC BY 4.0): Reyna MA, Josef CS, Jeter R, et al.',
  'Early Prediction of Sepsis From Clinical Data. Critical Care Medicine 2020; 48(2): 210–217.',
].join('\n')

const licence = [
  'Copyright the Wardstone contributors. Licensed under the Apache License, Version 2.0:',
  'https://www.apache.org/licenses/LICENSE-2.0',
  dataCredit,
].join('\n')

type Figure = keyof typeof measured.heldOut

/** Figure and what it is called; all on the held-out stays. */
const figures: readonly (readonly [Figure, string])[] = [
  ['auroc', 'AUROC by hour'],
  ['auprc', 'Average precision by hour'],
  ['aurocAllHours', 'AUROC by hour, refused hours counted at the mean prevalence'],
  ['brier', 'Brier score'],
  ['calibrationSlope', 'Calibration slope (1 is perfect)'],
  ['calibrationIntercept', 'Calibration intercept (0 is perfect)'],
  ['utility', 'Normalised utility of the 2019 challenge, refused hours counted as no alarm'],
  ['alertsPer100PatientDays', 'Alerts per 100 patient-days'],
  ['positivePredictiveValue', 'Share of alerts that begin from 12 h before to 3 h after an onset'],
  ['hoursInAlert', 'Share of hours under alert'],
  ['leadHours', 'Lead time, median hours from the first hour under alert (12 h before at most) to the onset'],
  ['leadHoursQuarter', 'Lead time, lower quartile, hours'],
  ['leadHoursThreeQuarters', 'Lead time, upper quartile, hours'],
  ['septicStaysMissed', 'Share of septic stays never under alert from 12 h before to 3 h after the onset'],
  ['otherStaysAlerted', 'Share of stays without sepsis that were alerted'],
  ['answeredHours', 'Share of hours answered under the guards'],
]

/** Groups by the end of their figures' names. */
const groups = {
  Women: 'women',
  Men: 'men',
  Under50: 'under 50 years',
  From50To64: '50 to 64 years',
  From65To79: '65 to 79 years',
  From80: '80 years and over',
} as const

const groupFigures: readonly (readonly [Figure, string])[] = Object.entries(groups).flatMap(([end, words]) => {
  const group = end as keyof typeof groups
  return [
    [`auroc${group}`, `AUROC by hour, ${words}`],
    [`utility${group}`, `Normalised utility, ${words}`],
    [`positivePredictiveValue${group}`, `Share of alerts that are timely, ${words}`],
  ] as const
})

const { heldOut } = measured.stays
const on = `${heldOut.stays} held-out stays (${heldOut.septic} septic, ${heldOut.hours} hours); 95 % intervals by bootstrap over stays`

const manifest: PackageDraft['manifest'] = {
  modelId: 'sepsis-risk',
  version: SEPSIS_RISK_VERSION,
  releaseCounter: 2,
  display: 'Sepsis risk',
  clinicalStatus: 'research',
  intendedUse:
    'Estimates from hourly ICU values the probability of sepsis within six hours, for research and demonstration. Not for clinical use.',
  wards: [],
  contraindications: [
    'Patients under 18 years of age.',
    'Patients outside intensive care.',
    'As the only basis of any decision about a patient.',
  ],
  languages: ['en'],
  contract: sepsisRiskContract,
  sourceAttributes: sepsisRiskSourceAttributes,
  regulatory: { udiDi: null, clearance: null, pccp: null },
  validation: {
    metrics: [...figures, ...groupFigures].map(([figure, name]) => ({ name, ...measured.heldOut[figure], on })),
    alertsPer100PatientDays: measured.heldOut.alertsPer100PatientDays.value,
    positivePredictiveValue: measured.heldOut.positivePredictiveValue.value,
  },
  tolerance: { cpu: 1e-4 },
  referenceHistograms: calibration.histograms.map(({ input, edges, counts }) => ({
    input,
    edges: [...edges],
    counts: [...counts],
  })),
  providers: [{ name: 'cpu', need: 'required' }],
  gpuCapability: null,
  runtime: { minimum: '0.1.0', below: '1.0.0' },
  memoryBytes: MEMORY_BYTES,
  licence,
  provenance: `Trained by models/sepsis-risk/train/train.py of the Wardstone source, seed ${training.seed}, with scikit-learn ${training.scikitLearn}, on the PhysioNet/CinC Challenge 2019, training set B; calibrated and measured by models/sepsis-risk/bin/measure.ts.`,
}

/** The sepsis score, ready to be packed. The same source gives the same files, byte for byte. */
export function sepsisRiskDraft(): PackageDraft {
  const model = readFileSync(new URL('./model.onnx', import.meta.url))
  return {
    manifest,
    files: [
      { role: 'model', content: model },
      { role: 'golden-vectors', content: canonicalBytes(sepsisRiskGoldenVectors()) },
      { role: 'card', content: card() },
      { role: 'sbom', content: sbom(model) },
      { role: 'licence', content: new TextEncoder().encode(`${licence}\n`) },
    ],
  }
}

function card(): Uint8Array {
  return modelCard(manifest, [
    {
      heading: 'How it was made',
      paragraphs: [
        `${training.options.members} groups of ${training.options.rounds} gradient-boosted trees of up to ${training.options.leaves} leaves, whose log-odds are averaged. Every other group learns the challenge’s label, the others whether an alarm gains utility, weighted by how much; each reads a part of the columns (${training.options.columnShare} of all). The columns are the latest value of each input and its age within a day, and the mean, least and greatest of the vital signs over six hours.`,
        `Stays were split by patient before anything was chosen: ${training.stays} for training, ${measured.stays.calibration.stays} for Platt scaling and for the threshold with the best challenge utility, ${heldOut.stays} held out. Options were compared by cross-validation within the training stays (choices.json). The held-out stays were used once, for the figures above.`,
        'The label is the challenge’s: positive from six hours before the onset of sepsis (Sepsis-3) to the end of the file.',
      ],
    },
    {
      heading: 'How it explains itself',
      paragraphs: [
        'Exact Shapley values of the probability over ten groups of inputs, against the median of the training hours. They say what contributed to the score, not what causes sepsis.',
      ],
    },
    {
      heading: 'Reliability',
      paragraphs: [
        'Answered hours of the held-out stays in tenths, from the highest probability down.',
        reliabilityTable(),
      ],
    },
    { heading: 'Data', paragraphs: [dataCredit] },
  ])
}

function reliabilityTable(): string {
  const rows = measured.reliability.map(
    ({ hours, predicted, observed, low, high }) => `| ${hours} | ${predicted} | ${observed} (${low} to ${high}) |`,
  )
  return ['| hours | mean probability said | share with sepsis (95 % interval) |', '|---|---|---|', ...rows].join('\n')
}

function sbom(model: Uint8Array): Uint8Array {
  return modelSbom({ id: 'sepsis-risk', version: SEPSIS_RISK_VERSION, bytes: model }, [
    {
      type: 'data',
      name: 'physionet-cinc-challenge-2019-training-set-b',
      version: '1.0.0',
      description: 'Hourly ICU stays with sepsis label. Reyna et al. 2020.',
      licence: 'CC-BY-4.0',
    },
  ])
}
