import { describe, expect, it } from 'vitest'
import { ContractError } from '../errors.ts'
import { type Contract, contractSchema } from '../schema.ts'
import { spotContract } from '../testkit/contracts.ts'
import { verifyImageSteps } from './image-consistency.ts'

type Draft = Readonly<Record<string, unknown>>

const radiograph = {
  name: 'radiograph',
  display: 'Radiograph',
  form: 'image',
  formats: ['dicom'],
  guards: [
    { attribute: 'modality', oneOf: ['CR', 'DX'], onOther: 'refuse', onUnknown: 'refuse' },
    { size: 'rows', low: 256, high: 4096, onOther: 'flag', onUnknown: 'accept' },
  ],
  observations: [],
  gates: [{ model: 'chest-qc', output: 'frontal', low: 0.5, high: 1, reason: 'a frontal radiograph' }],
}
const values: Draft = { op: 'image-values', frames: 'only' }
const all: Draft = { op: 'image-values', frames: 'all' }
const grey: Draft = { op: 'image-grey' }
const rgb: Draft = { op: 'image-rgb' }
const resized = (more: Draft = {}): Draft => ({
  op: 'image-resize',
  rows: 4,
  columns: 6,
  filter: 'bilinear',
  eightBit: false,
  ...more,
})
const tensor = (more: Draft = {}): Draft => ({
  op: 'image-tensor',
  tensor: 'input',
  layout: 'NCHW',
  dtype: 'float32',
  ...more,
})
const fitted: Draft = { op: 'image-fit', frames: 2, rows: 4, columns: 6, value: 0 }
const normalised = (count: number, sd = count): Draft => ({
  op: 'image-normalise',
  mean: Array(count).fill(0),
  sd: Array(sd).fill(1),
})

/** Steps that each read what the one before made; what they say themselves stands. */
function contract(steps: readonly Draft[], image: Draft | undefined = radiograph): Contract {
  const preprocessing = steps.map((draft, index) => ({
    version: 1,
    ...(String(draft.op) === 'image-values' || !String(draft.op).startsWith('image-') ? {} : { from: `r${index - 1}` }),
    ...(draft.op === 'image-tensor' || !String(draft.op).startsWith('image-') ? {} : { to: `r${index}` }),
    ...draft,
  }))
  return contractSchema.parse({ ...spotContract, image, preprocessing })
}

function aboutOf(made: Contract): string {
  try {
    verifyImageSteps(made)
  } catch (error) {
    if (error instanceof ContractError && error.code === 'contract_inconsistent') return error.about ?? ''
    throw error
  }
  return 'consistent'
}

const volume = { ...radiograph, form: 'volume', gates: [] }
const about = (...steps: readonly Draft[]) => aboutOf(contract(steps))
const aboutImage = (change: Draft) =>
  aboutOf(contract([values, grey, resized(), tensor()], { ...radiograph, ...change }))

describe('tensors of image steps', () => {
  it('have the dimensions that the steps leave', () => {
    expect([...verifyImageSteps(contract([values, grey, resized(), tensor()]))]).toEqual([
      ['input', { dtype: 'float32', dims: [1, 1, 4, 6] }],
    ])
    const cropped = [
      values,
      rgb,
      resized(),
      { op: 'image-crop-centre', height: 0.5, width: 0.5 },
      { op: 'image-pad-square', value: 0 },
    ]
    expect(verifyImageSteps(contract([...cropped, tensor({ layout: 'NHWC', dtype: 'uint8' })])).get('input')).toEqual({
      dtype: 'uint8',
      dims: [1, 3, 3, 3],
    })
    expect(
      verifyImageSteps(contract([all, grey, fitted, tensor({ layout: 'NCDHW' })], volume)).get('input')?.dims,
    ).toEqual([1, 1, 2, 4, 6])
    expect(
      verifyImageSteps(contract([all, grey, fitted, tensor({ layout: 'NDHWC' })], volume)).get('input')?.dims,
    ).toEqual([1, 2, 4, 6, 1])
  })

  it('may be several, of one raster or of several', () => {
    const steps = [values, grey, resized(), tensor(), { ...tensor({ tensor: 'again' }), from: 'r2' }]
    expect([...verifyImageSteps(contract(steps)).keys()]).toEqual(['input', 'again'])
  })

  it('are none where there is no image', () => {
    expect(verifyImageSteps(spotContract).size).toBe(0)
  })
})

describe('steps that hold', () => {
  it.each([
    [
      'DICOM grey',
      [
        values,
        { op: 'image-rescale' },
        { op: 'image-voi', none: 'refuse' },
        { op: 'image-as-monochrome2' },
        grey,
        resized(),
        tensor(),
      ],
    ],
    [
      'levels of a window',
      [values, { op: 'image-window', center: 1, width: 2 }, grey, resized({ eightBit: true }), tensor()],
    ],
    [
      'rescaling after a crop',
      [
        values,
        { op: 'image-crop-border', border: 'dark', share: 0 },
        { op: 'image-rescale' },
        grey,
        resized(),
        tensor(),
      ],
    ],
    [
      'a turn of what is square',
      [
        values,
        grey,
        resized({ rows: 6 }),
        { op: 'image-orient', rows: 'L', columns: 'F', onUnknown: 'keep' },
        tensor(),
      ],
    ],
  ])('%s', (_, steps) => {
    expect(about(...steps)).toBe('consistent')
  })

  it.each([
    [
      'a volume turned, resampled and fitted',
      [
        { op: 'image-orient-volume', axes: 'RAS', onUnknown: 'refuse' },
        { op: 'image-resample', spacingMm: [1, 1, 1], filter: 'linear' },
        fitted,
      ],
    ],
    [
      'a cube turned',
      [
        { ...fitted, frames: 6, rows: 6 },
        { op: 'image-orient-volume', axes: 'RAS', onUnknown: 'refuse' },
      ],
    ],
  ])('%s', (_, steps) => {
    expect(aboutOf(contract([all, grey, ...steps, tensor({ layout: 'NCDHW' })], volume))).toBe('consistent')
  })
})

describe('steps that do not', () => {
  it.each<[string, readonly Draft[], string]>([
    ['what nobody made', [values, { ...grey, from: 'x' }, resized(), tensor()], 'preprocessing.1.from'],
    ['a tensor of what nobody made', [values, grey, resized(), { ...tensor(), from: 'x' }], 'preprocessing.3.from'],
    ['a name twice', [values, { ...grey, to: 'r0' }, tensor()], 'preprocessing.1.to'],
    ['a tensor twice', [values, grey, resized(), tensor(), { ...tensor(), from: 'r2' }], 'preprocessing.4.tensor'],
    ['no tensor', [values, grey, resized()], 'preprocessing'],
    ['channels left open', [values, resized(), tensor()], 'preprocessing.2.dims'],
    ['a size left open', [values, grey, tensor()], 'preprocessing.2.dims'],
    [
      'a size that a crop opens',
      [values, grey, resized(), { op: 'image-crop-border', border: 'dark', share: 0 }, tensor()],
      'preprocessing.4.dims',
    ],
    [
      'a turn that may exchange sides',
      [values, grey, resized(), { op: 'image-orient', rows: 'L', columns: 'F', onUnknown: 'keep' }, tensor()],
      'preprocessing.4.dims',
    ],
    [
      'a turn onto one axis',
      [values, { op: 'image-orient', rows: 'L', columns: 'R', onUnknown: 'keep' }, grey, resized(), tensor()],
      'preprocessing.1.columns',
    ],
    [
      'rescaling twice',
      [values, { op: 'image-rescale' }, { op: 'image-rescale' }, grey, resized(), tensor()],
      'preprocessing.2.from',
    ],
    [
      'a window of the file before rescaling',
      [values, { op: 'image-voi', none: 'refuse' }, grey, resized(), tensor()],
      'preprocessing.1.from',
    ],
    [
      'rescaling what was turned round',
      [values, { op: 'image-as-monochrome2' }, { op: 'image-rescale' }, grey, resized(), tensor()],
      'preprocessing.2.from',
    ],
    ['means of another number of channels', [values, rgb, normalised(1), resized(), tensor()], 'preprocessing.2.mean'],
    ['means of channels left open', [values, normalised(3), rgb, resized(), tensor()], 'preprocessing.1.mean'],
    ['deviations of another number', [values, rgb, normalised(3, 1), resized(), tensor()], 'preprocessing.2.sd'],
    [
      'a range after normalising',
      [values, rgb, normalised(3), { op: 'image-unit-range' }, resized(), tensor()],
      'preprocessing.3.from',
    ],
    [
      'levels after normalising',
      [values, rgb, normalised(3), resized({ eightBit: true }), tensor()],
      'preprocessing.3.from',
    ],
    [
      'levels of the nearest',
      [values, grey, resized({ eightBit: true, filter: 'nearest' }), tensor()],
      'preprocessing.2.eightBit',
    ],
    [
      'shares the wrong way round',
      [values, { op: 'image-min-max', low: 0.9, high: 0.9 }, grey, resized(), tensor()],
      'preprocessing.1.low',
    ],
    [
      'bytes of 0 to 1',
      [values, grey, { op: 'image-unit-range' }, resized(), tensor({ dtype: 'uint8' })],
      'preprocessing.4.dtype',
    ],
    [
      'a tensor beyond what crosses',
      [values, rgb, resized({ rows: 4096, columns: 4096 }), tensor()],
      'preprocessing.3.dims',
    ],
    ['frames of an image', [all, grey, resized(), tensor()], 'preprocessing.0.frames'],
    [
      'a volume of an image',
      [values, { op: 'image-orient-volume', axes: 'RAS', onUnknown: 'keep' }, grey, resized(), tensor()],
      'preprocessing.1.op',
    ],
  ])('%s', (_, steps, fault) => {
    expect(about(...steps)).toBe(fault)
  })

  it.each<[string, readonly Draft[], string]>([
    ['frames where the layout has none', [all, grey, fitted, tensor()], 'preprocessing.3.layout'],
    ['frames left open', [all, grey, resized(), tensor({ layout: 'NCDHW' })], 'preprocessing.3.dims'],
    [
      'a turned block',
      [
        all,
        grey,
        { ...fitted, frames: 6 },
        { op: 'image-orient-volume', axes: 'RAS', onUnknown: 'keep' },
        tensor({ layout: 'NCDHW' }),
      ],
      'preprocessing.4.dims',
    ],
    [
      'a block that is too large',
      [all, grey, { op: 'image-fit', frames: 1024, rows: 1024, columns: 1024, value: 0 }, tensor({ layout: 'NCDHW' })],
      'preprocessing.2.cells',
    ],
    [
      'what the file says of each frame after frames were mixed',
      [all, fitted, { op: 'image-rescale' }, grey, tensor({ layout: 'NCDHW' })],
      'preprocessing.2.from',
    ],
  ])('%s', (_, steps, fault) => {
    expect(aboutOf(contract(steps, volume))).toBe(fault)
  })

  it('counts the steps on numbers, too', () => {
    const steps = [...spotContract.preprocessing, values, grey, { ...tensor(), from: 'r3' }]
    expect(aboutOf(contract(steps as readonly Draft[]))).toBe('preprocessing.4.dims')
  })
})

describe('what a contract says of its image', () => {
  it('is there where there are steps, and only there', () => {
    expect(aboutOf(contractSchema.parse({ ...contract([values, grey, resized(), tensor()]), image: undefined }))).toBe(
      'image',
    )
    expect(aboutOf(contractSchema.parse({ ...spotContract, image: radiograph }))).toBe('image')
    expect(aboutImage({})).toBe('consistent')
  })

  const modality = radiograph.guards[0]
  const rows = radiograph.guards[1]
  const age = { input: 'age', attribute: 'patient-age-years' }
  it.each<[string, Draft, string]>([
    ['the name of an input', { name: 'age' }, 'image.name'],
    ['a format twice', { formats: ['dicom', 'dicom'] }, 'image.formats'],
    ['an attribute twice', { guards: [modality, modality] }, 'image.guards'],
    ['a size twice', { guards: [rows, rows] }, 'image.guards'],
    ['a code twice', { guards: [{ ...modality, oneOf: ['CR', 'CR'] }] }, 'image.guards.0.oneOf'],
    [
      'a word that no file says',
      { guards: [{ ...modality, attribute: 'burned-in-annotation', oneOf: ['TRUE'] }] },
      'image.guards.0.oneOf',
    ],
    ['sizes the wrong way round', { guards: [modality, { ...rows, low: 5, high: 4 }] }, 'image.guards.1.low'],
    ['an age for no input', { observations: [{ ...age, input: 'years' }] }, 'image.observations.0.input'],
    ['an age that is no time', { observations: [{ ...age, input: 'temperature' }] }, 'image.observations.0.input'],
    [
      'a sex that is no code',
      { observations: [{ input: 'pregnant', attribute: 'patient-sex' }] },
      'image.observations.0.input',
    ],
    [
      'a sex without a letter of DICOM',
      { observations: [{ input: 'spo2-scale', attribute: 'patient-sex' }] },
      'image.observations.0.input',
    ],
    ['an age twice', { observations: [age, age] }, 'image.observations'],
    ['a gate twice', { gates: [radiograph.gates[0], radiograph.gates[0]] }, 'image.gates'],
    ['a gate the wrong way round', { gates: [{ ...radiograph.gates[0], low: 2 }] }, 'image.gates.0.low'],
  ])('%s', (_, change, fault) => {
    expect(aboutImage(change)).toBe(fault)
  })

  it('may answer an age in any unit of time', () => {
    expect(aboutImage({ observations: [age] })).toBe('consistent')
  })
})
