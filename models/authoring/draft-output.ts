import { MAX_OUTPUT_VALUES } from '../contract/tensor-schema.ts'
import { elementCount } from '../onnx/sizes.ts'
import type { OnnxValue } from '../onnx/surface.ts'
import type { ImageInput } from './draft-image.ts'
import { type Json, shortText } from './draft-json.ts'
import { draftTensor } from './draft-tensor.ts'
import { decide } from './mark.ts'

/** A list of classes that a person names one by one is no longer than this. */
const MAX_CLASSES = 32
const MAX_LABELS = 256

export interface DraftedOutputs {
  readonly outputs: readonly Json[]
  readonly postprocessing: readonly Json[]
  /** Name of an output that an explanation of an image can speak of. */
  readonly probability: string | undefined
}

/** An output of the graph, and what the contract calls it. */
export interface NamedOutput {
  readonly value: OnnxValue
  readonly name: string
}

/**
 * Raw values are right whatever they mean. What they mean (score, probability, category) only a person can say; of a model of
 * images, numbers for a few classes and labels for every place are so common that the steps for them are proposed.
 */
export function draftOutputs(named: readonly NamedOutput[], image: ImageInput | undefined): DraftedOutputs {
  const classes = named.filter(({ value }) => image !== undefined && classCount(value) !== undefined)
  // Of several, only a person knows which is the answer.
  const answer = classes.length === 1 ? classes[0] : undefined
  const [tensors, outputs] = [named.map(({ value }) => value.name), named.map(({ name }) => name)]
  const names: Names = { tensor: (name) => freeOf(name, tensors), output: (name) => freeOf(name, outputs) }
  const drafted = named.map((output): DraftedOutputs => {
    if (output === answer) return classified(output, names)
    const axis = image === undefined ? undefined : labelAxis(output.value, image)
    return axis === undefined ? { outputs: [raw(output)], ...nothing } : segmented(output, axis, names)
  })
  return {
    outputs: drafted.flatMap((one) => one.outputs),
    postprocessing: drafted.flatMap(({ postprocessing }) => postprocessing),
    probability: drafted.find(({ probability }) => probability !== undefined)?.probability,
  }
}

/** Names for what steps make, as none of the graph's own is called: as tensors, and as outputs of the contract. */
interface Names {
  tensor(name: string): string
  output(name: string): string
}

const nothing = { postprocessing: [], probability: undefined }

function raw({ value, name }: NamedOutput): Json {
  const tensor = draftTensor(value)
  return {
    role: 'tensor',
    name,
    display: decide(`what it is. The graph calls it ${shortText(value.name)}`),
    tensor: value.name,
    unit: '1',
    ...tensor,
    dims: isTooLong(value)
      ? decide(
          `it has more than ${MAX_OUTPUT_VALUES} values: leave it out, take another role, or make it smaller by postprocessing`,
        )
      : tensor.dims,
  }
}

function isTooLong({ dims }: OnnxValue): boolean {
  return elementCount((dims ?? []).map((dim) => (typeof dim === 'number' ? dim : 1))) > MAX_OUTPUT_VALUES
}

/** [batch, classes] */
function classCount({ dtype, dims = [] }: OnnxValue): number | undefined {
  const [batch, count] = dims
  const isOne = typeof batch !== 'number' || batch === 1
  const isFew = typeof count === 'number' && count >= 1 && count <= MAX_CLASSES
  return dtype === 'float32' && dims.length === 2 && isOne && isFew ? count : undefined
}

function classified(output: NamedOutput, { tensor, output: called }: Names): DraftedOutputs {
  const { value, name } = output
  const count = classCount(value) ?? 1
  const step = (op: string, from: string, to: string, more = {}) => ({ op, version: 1, from, to: tensor(to), ...more })
  const probability = {
    role: 'probability',
    name: called(`${name.slice(0, 50)}-probability`),
    display: decide('of what it is the probability'),
    tensor: tensor('probability'),
    unit: '1',
  }
  if (count === 1) {
    const op = decide(
      `sigmoid where the graph gives a logit; where it gives the probability itself, leave this step out, and take that tensor below`,
    )
    return {
      outputs: [raw(output), probability],
      postprocessing: [step(op, value.name, 'probability')],
      probability: probability.name,
    }
  }
  const op = decide(
    'softmax where the graph gives logits; where it gives probabilities, leave this step out, and take them in the next two',
  )
  const index = decide('the place, counted from 0, of the class whose probability is shown and explained')
  const category = {
    role: 'category',
    name: called(`${name.slice(0, 50)}-class`),
    display: decide('what the classes are of'),
    tensor: tensor('class'),
    unit: '1',
    labels: labels(count),
  }
  return {
    outputs: [raw(output), category, probability],
    postprocessing: [
      step(op, value.name, 'probabilities', { axis: -1 }),
      step('pick', tensor('probabilities'), 'probability', { axis: -1, index }),
      step('argmax', tensor('probabilities'), 'class', { axis: -1 }),
    ],
    probability: probability.name,
  }
}

/** The axis of the labels' numbers in an output as large as the image; undefined where it is no such output. */
function labelAxis({ dtype, dims = [] }: OnnxValue, { layout, sizes }: ImageInput): number | undefined {
  const [batch, ...rest] = dims
  const isLast = layout.endsWith('C')
  const [count, space] = isLast ? [rest.at(-1), rest.slice(0, -1)] : [rest[0], rest.slice(1)]
  const isOne = typeof batch !== 'number' || batch === 1
  const isAlike = space.length === sizes.length && space.every((size, index) => size === sizes[index])
  const isLabels = typeof count === 'number' && count >= 2 && count <= MAX_LABELS
  if (dtype !== 'float32' || !isOne || !isAlike || !isLabels) return undefined
  return isLast ? -1 : 1
}

/** The largest number at each place; they themselves are too many for an answer. */
function segmented({ value, name }: NamedOutput, axis: number, names: Names): DraftedOutputs {
  const { dims = [] } = value
  const count = dims.at(axis)
  const to = names.tensor(`${name.slice(0, 50)}-labels`)
  return {
    postprocessing: [{ op: 'argmax', version: 1, from: value.name, to, axis }],
    outputs: [
      {
        role: 'segmentation',
        name,
        display: decide(`what its labels are of. The graph calls it ${shortText(value.name)}`),
        tensor: to,
        unit: '1',
        labels: labels(typeof count === 'number' ? count : 0),
      },
    ],
    probability: undefined,
  }
}

function labels(count: number): Json {
  return Array.from({ length: count }, (_, value) => {
    return {
      value,
      code: decide(`a name for class ${value} in lower-case letters and hyphens`),
      text: decide('the same in words'),
    }
  })
}

function freeOf(name: string, taken: readonly string[]): string {
  return taken.includes(name) ? freeOf(`${name}-made`, taken) : name
}
