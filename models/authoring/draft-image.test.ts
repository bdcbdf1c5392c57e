import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../house/shared-data.ts'
import type { Contract } from '../contract/schema.ts'
import { type Dimension, GraphBuilder } from '../onnx/graph-builder.ts'
import { readOnnx } from '../onnx/reader.ts'
import { draftManifest } from './draft.ts'
import { checkDraft } from './draft-check.ts'
import { MARK } from './mark.ts'
import { checkMatch } from './match-check.ts'

type Port = readonly [name: string, dims: readonly Dimension[], dtype?: 'int64']

/** A graph of these inputs and outputs; what is between them no draft asks. */
function graphOf(inputs: readonly Port[], outputs: readonly Port[]): Uint8Array {
  const graph = new GraphBuilder()
  const values = inputs.map(([name, dims, dtype]) => graph.input(name, dims, dtype))
  for (const [name, dims, dtype] of outputs) graph.output(graph.node(name, 'Identity', [values[0]!]), dims, dtype)
  return graph.build({ name: 'ports', producerVersion: '1', docString: '' })
}

interface Drafted {
  readonly contract: Contract
}

function draft(inputs: readonly Port[], outputs: readonly Port[] = [['out', ['N', 1000]]]): Drafted {
  const bytes = graphOf(inputs, outputs)
  return JSON.parse(JSON.stringify(draftManifest(bytes, readOnnx(bytes), 'ports.onnx')))
}

/** A draft in whose open places stands what fits there. */
function decidedImage(bytes: Uint8Array): unknown {
  const fields: Readonly<Record<string, unknown>> = {
    ...{ filter: 'bilinear', mean: [0.5], sd: [0.25], op: 'softmax', index: 0, fill: 0, validityMinutes: 60 },
    ...{ code: 'some-class', display: 'Example', text: 'Some class' },
  }
  let classes = 0
  return JSON.parse(JSON.stringify(draftManifest(bytes, readOnnx(bytes), 'x')), (name, value: unknown) => {
    if (typeof value !== 'string' || !value.startsWith(MARK)) return value
    classes += 1
    if (name === 'code') return `class-${classes}`
    return Object.hasOwn(fields, name) ? fields[name] : name === '0' ? 'CR' : 'Decided'
  })
}

const image: Port = ['pixels', ['N', 1, 64, 48]]

describe('an input with the shape of an image', () => {
  test('is drafted as a file that is sent, guarded, with the steps from its pixels to the tensor', () => {
    const { contract } = draft([image])
    expect(contract.inputs).toEqual([])
    expect(contract.image).toMatchObject({ name: 'pixels', form: 'image', formats: ['dicom'] })
    expect(contract.image?.guards).toMatchObject([
      { attribute: 'modality', onOther: 'refuse', onUnknown: 'refuse' },
      { attribute: 'body-part', onOther: 'refuse', onUnknown: 'flag' },
      { attribute: 'photometric', onOther: 'refuse', onUnknown: 'refuse' },
    ])
    const ops = contract.preprocessing.map(({ op }) => op)
    expect(ops.slice(0, 5)).toEqual([
      'image-values',
      'image-rescale',
      'image-voi',
      'image-as-monochrome2',
      'image-grey',
    ])
    expect(ops.slice(5)).toEqual(['image-resize', 'image-normalise', 'image-tensor'])
    expect(contract.preprocessing[5]).toMatchObject({ rows: 64, columns: 48, from: 'image-5', to: 'image-6' })
    expect(contract.preprocessing[7]).toMatchObject({ tensor: 'pixels', layout: 'NCHW', from: 'image-7' })
  })

  test.each<[string, readonly Dimension[], object]>([
    ['three channels', ['N', 3, 224, 224], { op: 'image-tensor', layout: 'NCHW' }],
    ['channels last', [1, 224, 224, 3], { op: 'image-tensor', layout: 'NHWC' }],
    ['a volume', ['N', 1, 32, 64, 48], { op: 'image-tensor', layout: 'NCDHW' }],
    ['a volume, channels last', [1, 32, 64, 48, 1], { op: 'image-tensor', layout: 'NDHWC' }],
  ])('of %s', (_, dims, step) => {
    expect(draft([['x', dims]]).contract.preprocessing.at(-1)).toMatchObject(step)
  })

  test('whose sizes are free asks for them', () => {
    const { contract } = draft([['x', ['N', 1, 'height', 'width']]])
    const resize = contract.preprocessing.find(({ op }) => op === 'image-resize')
    expect(resize).toMatchObject({ rows: expect.stringContaining(MARK), columns: expect.stringContaining(MARK) })
  })

  test('of a volume takes DICOM and NIfTI, and is brought to its size', () => {
    const { contract } = draft([['x', ['N', 1, 32, 64, 48]]])
    expect(contract.image).toMatchObject({ form: 'volume', formats: ['dicom', 'nifti'] })
    const fit = contract.preprocessing.find(({ op }) => op === 'image-fit')
    expect(fit).toMatchObject({ frames: 32, rows: 64, columns: 48 })
    expect(contract.explanation.method).toBe('none')
  })

  test.each<[string, readonly Port[]]>([
    ['features of many channels', [['x', ['N', 64, 56, 56]]]],
    ['a few numbers', [['x', ['N', 1, 4, 4]]]],
    ['several at once', [['x', [2, 3, 224, 224]]]],
    ['whole numbers', [['x', ['N', 3, 224, 224], 'int64']]],
    [
      'two of them',
      [
        ['x', ['N', 3, 224, 224]],
        ['y', ['N', 3, 224, 224]],
      ],
    ],
  ])('is a raw tensor where it is no one image: %s', (_, inputs) => {
    const { contract } = draft(inputs)
    expect(contract.image).toBeUndefined()
    expect(contract.inputs.map(({ kind }) => kind)).toEqual(inputs.map(() => 'tensor'))
  })

  test('beside another input, which stays a tensor', () => {
    const { contract } = draft([image, ['age', ['N', 1]]])
    expect(contract.inputs.map(({ name }) => name)).toEqual(['age'])
    expect(contract.preprocessing.at(-1)).toMatchObject({ op: 'pass', input: 'age', tensor: 'age' })
  })

  test('is a raw tensor where that is asked for', () => {
    const bytes = graphOf([image], [['out', ['N', 2]]])
    const { contract } = JSON.parse(JSON.stringify(draftManifest(bytes, readOnnx(bytes), 'x', 'tensors')))
    expect(contract).toMatchObject({ inputs: [{ kind: 'tensor', name: 'pixels' }] })
    expect([contract.image, contract.postprocessing]).toEqual([undefined, undefined])
  })
})

describe('what a model of images puts out', () => {
  test('as numbers for a few classes becomes the class, and a probability that covered places explain', () => {
    const { contract } = draft([image], [['scores', ['N', 3]]])
    expect(contract.outputs.map(({ role, tensor }) => [role, tensor])).toEqual([
      ['tensor', 'scores'],
      ['category', 'class'],
      ['probability', 'probability'],
    ])
    expect(contract.postprocessing?.map(({ op, from, to }) => [op.startsWith(MARK) ? 'asked' : op, from, to])).toEqual([
      ['asked', 'scores', 'probabilities'],
      ['pick', 'probabilities', 'probability'],
      ['argmax', 'probabilities', 'class'],
    ])
    expect(contract.explanation).toMatchObject({ method: 'occlusion', output: 'scores-probability', tensor: 'pixels' })
  })

  test('as one number becomes a probability', () => {
    const { contract } = draft([image], [['score', [1, 1]]])
    expect(contract.postprocessing).toMatchObject([{ from: 'score', to: 'probability' }])
    expect(contract.outputs[1]).toMatchObject({ role: 'probability', tensor: 'probability' })
  })

  test('as numbers for each place becomes the label of the largest', () => {
    const { contract } = draft([image], [['classes', ['N', 4, 64, 48]]])
    expect(contract.postprocessing).toEqual([
      { op: 'argmax', version: 1, from: 'classes', to: 'classes-labels', axis: 1 },
    ])
    expect(contract.outputs).toMatchObject([{ role: 'segmentation', name: 'classes', tensor: 'classes-labels' }])
    const [segmentation] = contract.outputs
    expect(segmentation?.role === 'segmentation' && segmentation.labels.map(({ value }) => value)).toEqual([0, 1, 2, 3])
    const last = draft([['x', [1, 64, 48, 1]]], [['classes', [1, 64, 48, 4]]]).contract
    expect(last.postprocessing).toMatchObject([{ op: 'argmax', axis: -1 }])
  })

  test('stays raw where only a person can tell: two answers, many classes, a map of another size', () => {
    const both: Port[] = [
      ['a', ['N', 2]],
      ['b', ['N', 2]],
    ]
    const outputs: Port[][] = [both, [['a', ['N', 1000]]], [['a', ['N', 8, 16, 12]]]]
    for (const list of outputs) {
      const { contract } = draft([image], list)
      expect([contract.postprocessing, contract.explanation.method]).toEqual([undefined, 'none'])
      expect(contract.outputs.map(({ role }) => role)).toEqual(list.map(() => 'tensor'))
    }
  })

  test('keeps its names where the steps would take the same', () => {
    const { contract } = draft(
      [image],
      [
        ['scores', ['N', 3]],
        ['class', ['N', 1000]],
      ],
    )
    expect(contract.postprocessing?.at(-1)?.to).toBe('class-made')
    expect(contract.outputs.find(({ role }) => role === 'category')?.tensor).toBe('class-made')
    const alike = draft(
      [image],
      [
        ['scores', ['N', 3]],
        ['scores-class', ['N', 1000]],
      ],
    ).contract
    expect(alike.outputs.map(({ name }) => name)).toContain('scores-class-made')
  })
})

describe.skipIf(!sharedData)('published models', () => {
  const drafted = (path: string): Drafted => {
    const bytes = readFileSync(join(sharedData ?? '', 'models', path))
    return JSON.parse(JSON.stringify(draftManifest(bytes, readOnnx(bytes), path)))
  }

  test('of radiographs and of brains are drafted as what they are', () => {
    const pneumonia = drafted('pneumonia-squeezenet/squeezenet1_1_pneumonia3.onnx').contract
    expect(pneumonia.image).toMatchObject({ form: 'image' })
    expect(pneumonia.outputs.map(({ role }) => role)).toEqual(['tensor', 'category', 'probability'])
    const { image, outputs, preprocessing } = drafted('brain-meshnet/model.onnx').contract
    expect(image).toMatchObject({ form: 'volume', formats: ['dicom', 'nifti'] })
    expect(preprocessing).toContainEqual(expect.objectContaining({ op: 'image-fit', frames: 256 }))
    expect(outputs).toMatchObject([{ role: 'segmentation', labels: [{ value: 0 }, { value: 1 }, { value: 2 }] }])
  })
})

describe('checking it', () => {
  const bytes = graphOf([image], [['scores', ['N', 3]]])

  test('finds nothing but what is open', () => {
    const findings = checkDraft(JSON.parse(JSON.stringify(draftManifest(bytes, readOnnx(bytes), 'x')))).findings
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['draft_undecided']))
  })

  test('an image that is not asked for its modality is warned of', () => {
    const none = JSON.parse(JSON.stringify(decidedImage(bytes)))
    expect(checkDraft(none).findings.map(({ code }) => code)).toEqual(['draft_population_open'])
    none.contract.image.guards = []
    expect(checkDraft(none).findings.map(({ code }) => code)).toEqual([
      'draft_image_unguarded',
      'draft_population_open',
    ])
  })

  test('a step on the outputs that reads what nobody makes is named', () => {
    const { contract } = draft([image], [['scores', ['N', 3]]])
    const postprocessing = [
      { op: 'softmax', version: 1, from: 'logits', to: 'probabilities', axis: -1 },
      { op: 'argmax', version: 1, from: 'probabilities', to: 'class', axis: -1 },
    ] as const
    const changed = { ...contract, preprocessing: [], postprocessing: [...postprocessing] }
    const found = checkMatch({ contract: changed, memoryBytes: 1e9 }, readOnnx(bytes))
    expect(found.map(({ code, about }) => `${code} ${about}`)).toContain('draft_tensor_unknown logits')
  })
})
