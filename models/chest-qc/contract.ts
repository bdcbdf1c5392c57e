import type { Contract } from '../contract/schema.ts'
import { CHEST_QC_SIDE, chestQcSteps } from './steps.ts'
import { training } from './weights.ts'

/** A picture does not change: the answer holds for a day, in which it will have been read. */
const VALIDITY_MINUTES = 24 * 60
const DEADLINE_MS = 10_000
/** For covering places after the map has come with the answer: a few dozen passes. */
const EXPLANATION_BUDGET_MS = 5000
const EXPLANATION_BATCH = 8
/** Below it, a picture is a stamp: nothing was measured there. */
const MIN_SIDE = 100
const MAX_SIDE = 8192

export const chestQcContract: Contract = {
  inputs: [],
  image: {
    name: 'radiograph',
    display: 'Radiograph',
    form: 'image',
    formats: ['dicom'],
    guards: [
      { attribute: 'modality', oneOf: ['CR', 'DX', 'RG'], onOther: 'refuse', onUnknown: 'flag' },
      { attribute: 'body-part', oneOf: ['CHEST', 'THORAX'], onOther: 'refuse', onUnknown: 'accept' },
      { attribute: 'view-position', oneOf: ['AP', 'PA'], onOther: 'refuse', onUnknown: 'accept' },
      { attribute: 'photometric', oneOf: ['MONOCHROME1', 'MONOCHROME2'], onOther: 'refuse', onUnknown: 'refuse' },
      { attribute: 'presentation-intent', oneOf: ['FOR PRESENTATION'], onOther: 'flag', onUnknown: 'accept' },
      { size: 'rows', low: MIN_SIDE, high: MAX_SIDE, onOther: 'refuse', onUnknown: 'refuse' },
      { size: 'columns', low: MIN_SIDE, high: MAX_SIDE, onOther: 'refuse', onUnknown: 'refuse' },
    ],
    observations: [],
    gates: [],
  },
  population: { description: 'Radiographs of patients of any age.', criteria: [] },
  preprocessing: chestQcSteps(CHEST_QC_SIDE),
  postprocessing: [
    { op: 'argmax', version: 1, from: 'rotation', to: 'quarter-turns', axis: 1 },
    {
      op: 'class-activation-map',
      version: 1,
      from: 'features',
      to: 'frontal-map',
      weights: [...training.frontalWeights],
      relu: true,
    },
  ],
  outputs: [
    {
      role: 'probability',
      name: 'frontal',
      display: 'Probability that this is a frontal chest radiograph',
      tensor: 'frontal',
      unit: '1',
    },
    {
      role: 'category',
      name: 'rotation',
      display: 'How the picture is turned, if it is a frontal chest radiograph',
      tensor: 'quarter-turns',
      unit: '1',
      labels: [
        { value: 0, code: 'upright', text: 'Upright' },
        { value: 1, code: 'turned-90', text: 'Turned clockwise by 90 degrees' },
        { value: 2, code: 'turned-180', text: 'Upside down' },
        { value: 3, code: 'turned-270', text: 'Turned clockwise by 270 degrees' },
      ],
    },
    {
      role: 'probability',
      name: 'inverted',
      display: 'Probability that the picture is a negative, if it is a frontal chest radiograph',
      tensor: 'inverted',
      unit: '1',
    },
    {
      role: 'probability',
      name: 'mirrored',
      display: 'Probability that left and right are exchanged, if it is a frontal chest radiograph',
      tensor: 'mirrored',
      unit: '1',
    },
  ],
  // Done inside the graph, for each head on its own: training.json has slope, intercept and sharpness.
  calibration: { method: 'none' },
  threshold: null,
  explanation: {
    method: 'class-activation-map',
    output: 'frontal',
    map: 'frontal-map',
    tensor: 'image',
    fill: 0,
    seed: 1,
    batch: EXPLANATION_BATCH,
    budgetMs: EXPLANATION_BUDGET_MS,
  },
  validityMinutes: VALIDITY_MINUTES,
  deadlineMs: DEADLINE_MS,
}
