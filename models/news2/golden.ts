import type { GoldenVectors } from '../contract/schema.ts'
import { bands } from './graph.ts'
import { type Parameter, parameters } from './table.ts'

type Vector = GoldenVectors['vectors'][number]
type Sent = Vector['inputs'][string][number]
type Points = Readonly<Partial<Record<Parameter, number>>>
type Changes = Readonly<Record<string, Sent | 'missing'>>

const quantity = (value: number, unit: string, ageMinutes = 0): Sent => ({ value, unit, ageMinutes })
const coded = (value: string | boolean, ageMinutes = 0): Sent => ({ value, ageMinutes })

const respiration = (value: number) => ({ 'respiratory-rate': quantity(value, '/min') })
const saturation = (value: number) => ({ spo2: quantity(value, '%') })
const pressure = (value: number) => ({ 'systolic-pressure': quantity(value, 'mm[Hg]') })
const pulse = (value: number) => ({ 'heart-rate': quantity(value, '/min') })
const temperature = (value: number, unit = 'Cel') => ({ temperature: quantity(value, unit) })
const consciousness = (value: string) => ({ consciousness: coded(value) })
const oxygen = { 'supplemental-oxygen': coded('oxygen') }
const scale2 = { 'spo2-scale': coded('2') }

/** A synthetic adult who scores 0. */
const well: Readonly<Record<string, Sent>> = {
  ...respiration(16),
  ...saturation(97),
  'supplemental-oxygen': coded('air'),
  ...pressure(120),
  ...pulse(70),
  ...consciousness('A'),
  ...temperature(37),
  age: quantity(50, 'a'),
  pregnant: coded(false),
}

/** The edges of each band of the published table, from both sides: value and points. */
const edges: readonly (readonly [Parameter, (value: number) => Changes, readonly (readonly [number, number])[]])[] = [
  [
    'respiratory-rate',
    respiration,
    [
      [0, 3],
      [8, 3],
      [9, 1],
      [11, 1],
      [12, 0],
      [20, 0],
      [21, 2],
      [24, 2],
      [25, 3],
      [100, 3],
    ],
  ],
  [
    'spo2',
    saturation,
    [
      [20, 3],
      [91, 3],
      [92, 2],
      [93, 2],
      [94, 1],
      [95, 1],
      [96, 0],
      [100, 0],
    ],
  ],
  [
    'systolic-pressure',
    pressure,
    [
      [20, 3],
      [90, 3],
      [91, 2],
      [100, 2],
      [101, 1],
      [110, 1],
      [111, 0],
      [219, 0],
      [220, 3],
      [350, 3],
    ],
  ],
  [
    'heart-rate',
    pulse,
    [
      [10, 3],
      [40, 3],
      [41, 1],
      [50, 1],
      [51, 0],
      [90, 0],
      [91, 1],
      [110, 1],
      [111, 2],
      [130, 2],
      [131, 3],
      [350, 3],
    ],
  ],
  [
    'temperature',
    temperature,
    [
      [13, 3],
      [35, 3],
      [35.1, 1],
      [36, 1],
      [36.1, 0],
      [38, 0],
      [38.1, 1],
      [39, 1],
      [39.1, 2],
      [46.5, 2],
    ],
  ],
]

/** SpO2 scale 2, on air and on oxygen: value, points on air, points on oxygen. */
const scale2Edges: readonly (readonly [number, number, number])[] = [
  [20, 3, 3],
  [83, 3, 3],
  [84, 2, 2],
  [85, 2, 2],
  [86, 1, 1],
  [87, 1, 1],
  [88, 0, 0],
  [92, 0, 0],
  [93, 0, 1],
  [94, 0, 1],
  [95, 0, 2],
  [96, 0, 2],
  [97, 0, 3],
  [100, 0, 3],
]

const consciousnessPoints = { A: 0, C: 3, V: 3, P: 3, U: 3 } as const

export function news2GoldenVectors(): GoldenVectors {
  const vectors = [
    ...tableVectors(),
    ...scaleVectors(),
    ...roundingVectors(),
    ...aggregateVectors(),
    ...populationVectors(),
    ...missingVectors(),
    ...guardVectors(),
  ]
  return { version: 1, vectors }
}

function tableVectors(): Vector[] {
  const measured = edges.flatMap(([parameter, change, cases]) =>
    cases.map(([value, points]) => scored(`${parameter} ${value}`, change(value), { [parameter]: points })),
  )
  const observed = Object.entries(consciousnessPoints).map(([code, points]) =>
    scored(`consciousness ${code}`, consciousness(code), { consciousness: points }),
  )
  return [...measured, ...observed, scored('supplemental oxygen', oxygen, { 'supplemental-oxygen': 2 })]
}

function scaleVectors(): Vector[] {
  const onScale1 = (edges.find(([parameter]) => parameter === 'spo2')?.[2] ?? []).flatMap(([value, points]) => [
    scored(
      `scale 1 on oxygen ${value}`,
      { ...saturation(value), ...oxygen, 'spo2-scale': coded('1') },
      { spo2: points, 'supplemental-oxygen': 2 },
    ),
  ])
  const onScale2 = scale2Edges.flatMap(([value, onAir, onOxygen]) => [
    scored(`scale 2 on air ${value}`, { ...saturation(value), ...scale2 }, { spo2: onAir }),
    scored(
      `scale 2 on oxygen ${value}`,
      { ...saturation(value), ...scale2, ...oxygen },
      { spo2: onOxygen, 'supplemental-oxygen': 2 },
    ),
  ])
  return [...onScale1, ...onScale2]
}

/** Values are converted, then rounded, then scored. */
function roundingVectors(): Vector[] {
  return [
    scored('95.0 degrees Fahrenheit is 35.0 degrees Celsius', temperature(95, '[degF]'), { temperature: 3 }),
    scored('95.2 degrees Fahrenheit is 35.1 degrees Celsius', temperature(95.2, '[degF]'), { temperature: 1 }),
    scored('temperature 35.04 rounds to 35.0', temperature(35.04), { temperature: 3 }),
    scored('temperature 35.05 rounds to 35.1', temperature(35.05), { temperature: 1 }),
    scored('temperature 39.05 rounds to 39.1', temperature(39.05), { temperature: 2 }),
    scored('respiratory rate 8.4 rounds to 8', respiration(8.4), { 'respiratory-rate': 3 }),
    scored('respiratory rate 8.5 rounds to 9', respiration(8.5), { 'respiratory-rate': 1 }),
    scored('saturation as a fraction', { spo2: quantity(0.91, '1') }, { spo2: 3 }),
    scored('saturation 91.5 rounds to 92', saturation(91.5), { spo2: 2 }),
    scored('12 kPa is 90 mm[Hg]', { 'systolic-pressure': quantity(12, 'kPa') }, { 'systolic-pressure': 3 }),
    scored('pulse 130.4 rounds to 130', pulse(130.4), { 'heart-rate': 2 }),
  ]
}

function aggregateVectors(): Vector[] {
  const fever = temperature(38.5)
  const four = { ...respiration(10), ...saturation(95), ...pulse(100), ...fever }
  const fourPoints = { 'respiratory-rate': 1, spo2: 1, 'heart-rate': 1, temperature: 1 }
  const worst = { ...respiration(30), ...saturation(80), ...oxygen, ...pressure(80), ...pulse(140) }
  const worstPoints = {
    'respiratory-rate': 3,
    spo2: 3,
    'supplemental-oxygen': 2,
    'systolic-pressure': 3,
    'heart-rate': 3,
  }
  return [
    scored('aggregate 0', {}, {}),
    scored('aggregate 1', fever, { temperature: 1 }),
    scored('aggregate 4', four, fourPoints),
    scored('aggregate 4 with a single 3', { ...respiration(25), ...fever }, { 'respiratory-rate': 3, temperature: 1 }),
    scored('aggregate 5', { ...four, ...pressure(105) }, { ...fourPoints, 'systolic-pressure': 1 }),
    scored(
      'aggregate 5 with a single 3',
      { ...respiration(25), ...oxygen },
      { 'respiratory-rate': 3, 'supplemental-oxygen': 2 },
    ),
    scored('aggregate 6', { ...four, ...oxygen }, { ...fourPoints, 'supplemental-oxygen': 2 }),
    scored(
      'aggregate 7',
      { ...four, ...oxygen, ...pressure(105) },
      { ...fourPoints, 'supplemental-oxygen': 2, 'systolic-pressure': 1 },
    ),
    scored(
      'aggregate 20',
      { ...worst, ...consciousness('U'), ...temperature(34) },
      { ...worstPoints, consciousness: 3, temperature: 3 },
    ),
  ]
}

function populationVectors(): Vector[] {
  return [
    scored('age 16', { age: quantity(16, 'a') }, {}),
    scored('age 192 months', { age: quantity(192, 'mo') }, {}),
    refused('age 15', { age: quantity(15, 'a') }, 'population_excluded'),
    refused('age 15.9 is not rounded up', { age: quantity(15.9, 'a') }, 'population_excluded'),
    refused('pregnant', { pregnant: coded(true) }, 'population_excluded'),
  ]
}

/** Any missing parameter means no score; undocumented oxygen is missing, not air. The scale alone has a default. */
function missingVectors(): Vector[] {
  return Object.keys(well).map((input) => refused(`missing ${input}`, { [input]: 'missing' }, 'input_missing', input))
}

function guardVectors(): Vector[] {
  return [
    scored('four hours old', { 'respiratory-rate': quantity(16, '/min', 240) }, {}),
    refused(
      'older than four hours',
      { 'respiratory-rate': quantity(16, '/min', 241) },
      'input_stale',
      'respiratory-rate',
    ),
    refused('prescription older than a day', { 'spo2-scale': coded('2', 1441) }, 'input_stale', 'spo2-scale'),
    refused('Fahrenheit sent as Celsius', temperature(98.6), 'input_out_of_range', 'temperature'),
    refused('saturation above 100', saturation(101), 'input_out_of_range', 'spo2'),
    refused('a Glasgow Coma Scale', { consciousness: coded('15') }, 'input_code_unknown', 'consciousness'),
    refused('no unit', { 'heart-rate': { value: 70, ageMinutes: 0 } }, 'input_unit_missing', 'heart-rate'),
    refused(
      'a unit of another quantity',
      { 'heart-rate': quantity(70, 'mm[Hg]') },
      'input_unit_incompatible',
      'heart-rate',
    ),
  ]
}

function scored(name: string, changes: Changes, points: Points): Vector {
  const each = parameters.map((parameter) => points[parameter] ?? 0)
  const aggregate = each.reduce((sum, value) => sum + value, 0)
  const hasThree = each.includes(3)
  const band = bandOf(aggregate, hasThree)
  const outputs = { aggregate: [aggregate], points: each, 'single-three': [hasThree ? 1 : 0], band: [band] }
  return { name, inputs: inputsOf(changes), expect: { outputs, alert: band >= bands.lowMedium } }
}

function refused(name: string, changes: Changes, code: string, about?: string): Vector {
  return { name, inputs: inputsOf(changes), expect: about === undefined ? { refused: code } : { refused: code, about } }
}

function bandOf(aggregate: number, hasThree: boolean): number {
  if (aggregate >= 7) return bands.high
  if (aggregate >= 5) return bands.medium
  if (hasThree) return bands.lowMedium
  return aggregate > 0 ? bands.low : bands.none
}

function inputsOf(changes: Changes): Vector['inputs'] {
  const sent = Object.entries({ ...well, ...changes })
  return Object.fromEntries(sent.flatMap(([name, value]) => (value === 'missing' ? [] : [[name, [value]]])))
}
