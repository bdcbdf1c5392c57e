import { readFileSync } from 'node:fs'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { modelCard } from '../onnx/model-card.ts'
import { modelSbom } from '../onnx/model-sbom.ts'
import type { PackageDraft } from '../package/pack.ts'
import { chestQcContract } from './contract.ts'
import { chestQcMetrics, disturbanceTable } from './figures.ts'
import { chestQcGoldenVectors } from './golden.ts'
import { chestQcSourceAttributes } from './source-attributes.ts'
import { CHEST_QC_VERSION } from './steps.ts'
import { measured, training } from './weights.ts'

const MEMORY_BYTES = 128 * 1024 * 1024

const dataCredit =
  'Trained on chest radiographs of NIH ChestX-ray14, provided by the NIH Clinical Center (https://nihcc.app.box.com/v/ChestXray-NIHCC), and on sample pictures of pydicom, dcmjs and niivue (MIT; BSD-2-Clause).'

const licence = [
  'Copyright the Wardstone contributors. Licensed under the Apache License, Version 2.0:',
  'https://www.apache.org/licenses/LICENSE-2.0',
  dataCredit,
].join('\n')

const manifest: PackageDraft['manifest'] = {
  modelId: 'chest-qc',
  version: CHEST_QC_VERSION,
  releaseCounter: 1,
  display: 'Chest radiograph check',
  clinicalStatus: 'research',
  intendedUse:
    'Says whether a picture is a frontal chest radiograph and which way round it is, before another model reads it, for research and demonstration. Not for clinical use.',
  wards: [],
  contraindications: [
    'To confirm the side of the patient or the identity of a picture.',
    'Lateral views, and radiographs of other parts of the body that do not say so.',
    'As the only check before a model that decides about patients.',
  ],
  languages: ['en'],
  contract: chestQcContract,
  sourceAttributes: chestQcSourceAttributes,
  regulatory: { udiDi: null, clearance: null, pccp: null },
  validation: { metrics: [...chestQcMetrics], alertsPer100PatientDays: null, positivePredictiveValue: null },
  tolerance: { cpu: 1e-3, cuda: 1e-2, webgpu: 1e-2 },
  referenceHistograms: [],
  providers: [{ name: 'cpu', need: 'required' }],
  gpuCapability: null,
  runtime: { minimum: '0.1.0', below: '1.0.0' },
  memoryBytes: MEMORY_BYTES,
  licence,
  provenance: `Trained and measured by models/chest-qc/train/train.py of the Wardstone source, seed ${training.seed}, with PyTorch ${training.torch}, on ${training.radiographs} radiographs of NIH ChestX-ray14 (NIH Clinical Center) and ${training.otherPictures} other pictures.`,
}

/** The check of chest radiographs, ready to be packed. The same source gives the same files, byte for byte. */
export function chestQcDraft(): PackageDraft {
  const model = readFileSync(new URL('./model.onnx', import.meta.url))
  return {
    manifest,
    files: [
      { role: 'model', content: model },
      { role: 'golden-vectors', content: canonicalBytes(chestQcGoldenVectors()) },
      { role: 'card', content: card() },
      { role: 'sbom', content: sbom(model) },
      { role: 'licence', content: new TextEncoder().encode(`${licence}\n`) },
    ],
  }
}

function card(): Uint8Array {
  const { calibration, options, parameters } = training
  const { confidence, equivariance } = measured
  return modelCard(manifest, [
    {
      heading: 'How it was made',
      paragraphs: [
        `A convolutional network of ${parameters} parameters looks at the picture in sixteen views: four turns, mirrored or not, negative or not. It says of each how upright it looks, and all answers about orientation are shares of these. Its feature maps, each put back in place and counted by that, say whether the picture is a frontal chest radiograph. So a picture that is turned, mirrored or negative gets the same answer, turned with it: the largest difference measured was ${equivariance}.`,
        `${options.steps} steps on pictures that were turned by up to 12 degrees, cropped, stretched, brightened, blurred, framed, marked and coded coarsely at random, against other pictures, pieces of chests and made-up ones. The shipped network learnt from all ${training.radiographs} radiographs; the figures are those of ${measured.folds} networks that were made the same way, each asked about the patients and the kinds of other pictures that it had not seen. With so few radiographs, a part kept apart for good would have cost more than it could show. The design was changed once after such figures had been seen, so they are a little favourable.`,
        `Probabilities are calibrated inside the graph on the answers of the cross-validation: slope ${calibration.scale} and intercept ${calibration.shift} (Platt) for frontal, sharpness ${calibration.sharpness} for orientation. They hold for a mixture of as many chests as other subjects; elsewhere take them as a score.`,
      ],
    },
    {
      heading: 'Under disturbance',
      paragraphs: [
        'Share of patients answered rightly in cross-validation, each radiograph disturbed once. As the answer turns with the picture, a row stands for all sixteen orientations.',
        disturbanceTable(),
        `Over all of these the network was right about left and right in ${confidence.shareRight.mirrored} of the cases and said so with ${confidence.meanConfidence.mirrored} on average; Brier score of frontal ${confidence.brierFrontal}. Both are measured on what calibrated them.`,
      ],
    },
    {
      heading: 'How it explains itself',
      paragraphs: [
        'A class activation map of the frontal probability over 8 × 8 places, from the last feature map, in the same pass. It says where the network saw a chest, not what is in it. Orientation is not explained.',
      ],
    },
    { heading: 'Data', paragraphs: [dataCredit] },
  ])
}

function sbom(model: Uint8Array): Uint8Array {
  return modelSbom({ id: 'chest-qc', version: CHEST_QC_VERSION, bytes: model }, [
    {
      type: 'data',
      name: 'nih-chestx-ray14',
      version: '1.0.0',
      description: `${training.radiographs} frontal chest radiographs. Credit: NIH Clinical Center.`,
      licence: 'No restriction; credit to the NIH Clinical Center',
    },
    {
      type: 'data',
      name: 'dicom-samples',
      version: '1.0.0',
      description: 'Pictures of other kinds: sample files of pydicom, dcmjs-dimse and niivue.',
      licence: 'MIT; BSD-2-Clause',
    },
  ])
}
