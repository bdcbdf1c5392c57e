import { sha256 } from '../../device/crypto/bulk.ts'
import { memoryEstimate } from '../onnx/memory.ts'
import type { OnnxSurface, OnnxValue } from '../onnx/surface.ts'
import { sourceAttributeNames } from '../package/source-attributes.ts'
import { draftImage, draftImageSteps, type ImageInput, imageInputOf } from './draft-image.ts'
import { type Json, shortText } from './draft-json.ts'
import { draftOutputs } from './draft-output.ts'
import { draftTensor } from './draft-tensor.ts'
import { decide } from './mark.ts'

const DEADLINE_MS = 10_000
const VOLUME_DEADLINE_MS = 120_000
/** The grid of places that are covered one after the other, on a side; as many go through the model at once. */
const PLACES = 8
const BUDGET_MS = 2000
const TOLERANCE = 1e-4
const MAX_NAME = 64

/** What a draft makes of an input that has the shape of an image: an image that is sent as a file, or a tensor as any other. */
export type ImagesAs = 'files' | 'tensors'

/**
 * A manifest for a graph that nobody here has seen: every field of the schema, filled where the graph says it or one
 * value is the safe one, and marked where a person has to decide. `wardstone model check` finds what is still marked.
 * @param name the file's name, for the model's id
 */
export function draftManifest(bytes: Uint8Array, surface: OnnxSurface, name: string, images: ImagesAs = 'files'): Json {
  return {
    schemaVersion: 1,
    modelId: modelId(name),
    version: '0.1.0',
    releaseCounter: 1,
    display: decide('the name that people see'),
    clinicalStatus: 'research',
    intendedUse: decide('what the result is for, and for whom'),
    wards: [],
    contraindications: [decide('where it must not be used, one text each; none is an empty list')],
    languages: ['en'],
    contract: draftContract(surface, images === 'files' ? imageInputOf(surface.inputs) : undefined),
    sourceAttributes: Object.fromEntries(
      sourceAttributeNames.map((attribute) => [attribute, decide(inWords(attribute))]),
    ),
    regulatory: { udiDi: null, clearance: null, pccp: null },
    validation: { metrics: [], alertsPer100PatientDays: null, positivePredictiveValue: null },
    tolerance: { cpu: TOLERANCE },
    referenceHistograms: [],
    providers: [{ name: 'cpu', need: 'required' }],
    gpuCapability: null,
    runtime: { minimum: '0.1.0', below: '1.0.0' },
    memoryBytes: memoryEstimate(surface),
    licence: decide('SPDX identifier, or the name of the licence'),
    provenance: decide(`who built it, from what, and how it can be built again. ${origin(bytes, surface)}`),
  }
}

function draftContract(surface: OnnxSurface, image: ImageInput | undefined): Json {
  const inputNames = contractNames(surface.inputs, 'input')
  const outputNames = contractNames(surface.outputs, 'output')
  const named = surface.inputs.map((value, index) => ({ value, name: inputNames[index] ?? '' }))
  const inputs = named.filter(({ value }) => value.name !== image?.tensor)
  const imageName = named.find(({ value }) => value.name === image?.tensor)?.name ?? 'image'
  const outputs = surface.outputs.map((value, index) => ({ value, name: outputNames[index] ?? '' }))
  const drafted = draftOutputs(outputs, image)
  return {
    inputs: inputs.map(({ value, name }) => draftInput(value, name)),
    ...(image === undefined ? {} : { image: draftImage(image, imageName) }),
    population: { description: decide('the patients it was made for'), criteria: [] },
    preprocessing: [
      ...(image === undefined ? [] : draftImageSteps(image)),
      ...inputs.map(({ value, name }) => ({ op: 'pass', version: 1, input: name, tensor: value.name })),
    ],
    ...(drafted.postprocessing.length === 0 ? {} : { postprocessing: drafted.postprocessing }),
    outputs: drafted.outputs,
    calibration: { method: 'none' },
    threshold: null,
    explanation: draftExplanation(image, drafted.probability),
    validityMinutes: decide('minutes for which a result holds'),
    deadlineMs: image?.form === 'volume' ? VOLUME_DEADLINE_MS : DEADLINE_MS,
  }
}

/** Of an image and a probability there is an explanation whatever the model is; of all else a person has to choose. */
function draftExplanation(image: ImageInput | undefined, probability: string | undefined): Json {
  if (image?.form !== 'image' || probability === undefined)
    return { method: 'none', reason: decide('why its results come without an explanation, or another method') }
  return {
    method: 'occlusion',
    output: probability,
    tensor: image.tensor,
    layout: image.layout,
    rows: PLACES,
    columns: PLACES,
    fill: decide('the number in the tensor that stands for nothing to see, such as 0 for the mean of training'),
    seed: 1,
    ...(image.hasFreeBatch ? { batch: PLACES } : {}),
    budgetMs: BUDGET_MS,
  }
}

function draftInput(value: OnnxValue, name: string): Json {
  return {
    kind: 'tensor',
    name,
    display: decide(`what it is. The graph calls it ${shortText(value.name)}`),
    codes: [],
    series: false,
    onMissing: 'refuse',
    maxAgeMinutes: decide('minutes after which it is too old'),
    onStale: 'refuse',
    ...draftTensor(value),
    range: {
      low: decide('the least plausible element; leave range out if there is none'),
      high: decide('the greatest plausible element'),
    },
    onImplausible: 'refuse',
    onNotFinite: 'refuse',
  }
}

/** The graph's names in the letters of a contract; two that differ only in what is lost get a number. */
function contractNames(values: readonly OnnxValue[], side: 'input' | 'output'): string[] {
  const names = new Set<string>()
  for (const { name } of values) {
    const letters = name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
    const base = (/^[a-z]/.test(letters) ? letters : `${side}-${letters}`.replace(/-$/, '')).slice(0, MAX_NAME)
    names.add(freeName(base, names))
  }
  return [...names]
}

/** A number behind it may make it another's name as well: then the next is tried. */
function freeName(base: string, taken: ReadonlySet<string>): string {
  let free = base
  for (let number = 2; taken.has(free); number += 1) free = `${base.slice(0, MAX_NAME - 5)}-${number}`
  return free
}

function modelId(name: string): string {
  const letters = name
    .toLowerCase()
    .replace(/\.onnx$/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
  return letters === '' ? 'model' : letters.slice(0, MAX_NAME)
}

function origin(bytes: Uint8Array, { producer }: OnnxSurface): string {
  const by = producer === '' ? '' : `, written by ${shortText(producer)}`
  return `The ONNX file has the SHA-256 ${sha256(bytes).toString('hex')}${by}.`
}

/** `trainingInclusionExclusion` → `training inclusion exclusion`. */
function inWords(name: string): string {
  return `${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} (docs/manifest.md, source attributes)`
}
