import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { modelCard } from '../onnx/model-card.ts'
import { modelSbom } from '../onnx/model-sbom.ts'
import type { PackageDraft } from '../package/pack.ts'
import { sepsisRiskContract } from './contract.ts'
import { sepsisRiskGoldenVectors } from './golden.ts'
import { sepsisRiskModel } from './graph.ts'
import { sepsisRiskSourceAttributes } from './source-attributes.ts'
import { measured, sepsisWeights } from './weights.ts'

const VERSION = '0.1.0'
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
  ['aurocUnder65', 'AUROC by hour, under 65 years'],
  ['auroc65AndOver', 'AUROC by hour, 65 years and over'],
  ['brier', 'Brier score'],
  ['calibrationSlope', 'Calibration slope (1 is perfect)'],
  ['calibrationIntercept', 'Calibration intercept (0 is perfect)'],
  ['utility', 'Normalised utility of the 2019 challenge'],
  ['alertsPer100PatientDays', 'Alerts per 100 patient-days'],
  ['positivePredictiveValue', 'Share of alerts from 12 h before to 3 h after an onset'],
  ['septicStaysAlerted', 'Share of septic stays with such an alert'],
  ['scoredHours', 'Share of hours with enough recent values to be scored'],
]

const { heldOut } = measured.stays
const on = `${heldOut.stays} held-out stays (${heldOut.septic} septic, ${heldOut.hours} hours); 95 % intervals by bootstrap over stays`

const manifest: PackageDraft['manifest'] = {
  modelId: 'sepsis-risk',
  version: VERSION,
  releaseCounter: 1,
  display: 'Sepsis risk, first version',
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
    metrics: figures.map(([figure, name]) => ({ name, ...measured.heldOut[figure], on })),
    alertsPer100PatientDays: measured.heldOut.alertsPer100PatientDays.value,
    positivePredictiveValue: measured.heldOut.positivePredictiveValue.value,
  },
  tolerance: { cpu: 1e-4 },
  referenceHistograms: sepsisWeights.histograms.map(({ input, edges, counts }) => ({
    input,
    edges: [...edges],
    counts: [...counts],
  })),
  providers: [{ name: 'cpu', need: 'required' }],
  gpuCapability: null,
  runtime: { minimum: '0.1.0', below: '1.0.0' },
  memoryBytes: MEMORY_BYTES,
  licence,
  provenance: `Trained by models/sepsis-risk/bin/train.ts of the Wardstone source, seed ${measured.seed}, on the PhysioNet/CinC Challenge 2019, training set B.`,
}

/** The sepsis score, ready to be packed. The same source gives the same files, byte for byte. */
export function sepsisRiskDraft(): PackageDraft {
  const model = sepsisRiskModel(sepsisWeights.network, VERSION)
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
        `A network of one hidden layer (${measured.options.members} networks of ${measured.options.hidden} units trained apart, their logits averaged) over the latest values and over which labs were measured within a day. Platt scaling and the threshold with the best challenge utility were chosen on stays that were neither trained on nor held out. Its size and training options were chosen among thirteen by another random split of the same stays, so the figures may flatter slightly.`,
        'The label is the challenge’s: positive from six hours before the onset of sepsis (Sepsis-3) to the end of the file.',
      ],
    },
    {
      heading: 'How it explains itself',
      paragraphs: [
        'Exact Shapley values of the probability over twelve groups of inputs, against the mean of the training hours. They say what contributed to the score, not what causes sepsis.',
      ],
    },
    { heading: 'Data', paragraphs: [dataCredit] },
  ])
}

function sbom(model: Uint8Array): Uint8Array {
  return modelSbom({ id: 'sepsis-risk', version: VERSION, bytes: model }, [
    {
      type: 'data',
      name: 'physionet-cinc-challenge-2019-training-set-b',
      version: '1.0.0',
      description: 'Hourly ICU stays with sepsis label. Reyna et al. 2020.',
      licence: 'CC-BY-4.0',
    },
  ])
}
