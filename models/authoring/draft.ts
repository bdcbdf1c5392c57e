import { sha256 } from '../../device/crypto/bulk.ts'
import { type ElementType, isElementType } from '../contract/tensor.ts'
import { MAX_OUTPUT_VALUES } from '../contract/tensor-schema.ts'
import { memoryEstimate } from '../onnx/memory.ts'
import type { OnnxSurface, OnnxValue } from '../onnx/surface.ts'
import { sourceAttributeNames } from '../package/source-attributes.ts'
import { decide } from './mark.ts'

const DEADLINE_MS = 10_000
const TOLERANCE = 1e-4
const MAX_NAME = 64
const MAX_TEXT = 200

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/**
 * A manifest for a graph that nobody here has seen: every field of the schema, filled where the graph says it or one
 * value is the safe one, and marked where a person has to decide. `wardstone model check` finds what is still marked.
 * @param name the file's name, for the model's id
 */
export function draftManifest(bytes: Uint8Array, surface: OnnxSurface, name: string): Json {
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
    contract: draftContract(surface),
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

function draftContract(surface: OnnxSurface): Json {
  const inputNames = contractNames(surface.inputs, 'input')
  const outputNames = contractNames(surface.outputs, 'output')
  const inputs = surface.inputs.map((value, index) => ({ value, name: inputNames[index] ?? '' }))
  return {
    inputs: inputs.map(({ value, name }) => draftInput(value, name)),
    population: { description: decide('the patients it was made for'), criteria: [] },
    preprocessing: inputs.map(({ value, name }) => ({ op: 'pass', version: 1, input: name, tensor: value.name })),
    outputs: surface.outputs.map((value, index) => draftOutput(value, outputNames[index] ?? '')),
    calibration: { method: 'none' },
    threshold: null,
    explanation: { method: 'none', reason: decide('why its results come without an explanation, or another method') },
    validityMinutes: decide('minutes for which a result holds'),
    deadlineMs: DEADLINE_MS,
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
    dtype: dtypeOf(value),
    dims: dimsOf(value),
    range: {
      low: decide('the least plausible element; leave range out if there is none'),
      high: decide('the greatest plausible element'),
    },
    onImplausible: 'refuse',
    onNotFinite: 'refuse',
  }
}

/** Raw values, which are right whatever they mean. What they mean (score, probability, category) only a person can say. */
function draftOutput(value: OnnxValue, name: string): Json {
  const dims = dimsOf(value)
  return {
    role: 'tensor',
    name,
    display: decide(`what it is. The graph calls it ${shortText(value.name)}`),
    tensor: value.name,
    unit: '1',
    dtype: dtypeOf(value),
    dims: isTooLong(value)
      ? decide(`it has more than ${MAX_OUTPUT_VALUES} values: another role, or a smaller output`)
      : dims,
  }
}

function isTooLong({ dims }: OnnxValue): boolean {
  return (
    (dims ?? []).reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1) > MAX_OUTPUT_VALUES
  )
}

function dtypeOf({ dtype }: OnnxValue): ElementType | string {
  return isElementType(dtype)
    ? dtype
    : decide(`no contract can name ${dtype ?? 'this type'}: see "wardstone model check"`)
}

/** The first free size is the batch: one patient at a time. Others only a person can bound. */
function dimsOf({ dims }: OnnxValue): Json {
  if (dims === undefined) return decide('the sizes: the graph does not say how many there are')
  return dims.map((dim, index) => {
    if (typeof dim === 'number') return dim
    return {
      max: index === 0 ? 1 : decide(`the greatest that the free size ${shortText(dim ?? 'without a name')} can be`),
    }
  })
}

/** The graph's names in the letters of a contract; two that differ only in what is lost get a number. */
function contractNames(values: readonly OnnxValue[], side: 'input' | 'output'): string[] {
  const names: string[] = []
  for (const { name } of values) {
    const letters = name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
    const base = (/^[a-z]/.test(letters) ? letters : `${side}-${letters}`.replace(/-$/, '')).slice(0, MAX_NAME)
    names.push(names.includes(base) ? `${base.slice(0, MAX_NAME - 5)}-${names.length + 1}` : base)
  }
  return names
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

/** What a file says of itself, as a part of a text that people read. */
function shortText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd').slice(0, MAX_TEXT)
}
