import { join } from 'node:path'
import fc from 'fast-check'
import { list } from 'tar'
import { describe, expect, it } from 'vitest'
import { sharedData } from '../../house/shared-data.ts'
import { ContractError } from './errors.ts'
import { type GuardedInputs, guard, type Observation } from './guard.ts'
import { preprocess } from './preprocess.ts'
import { type Contract, contractSchema, type PreprocessingOp } from './schema.ts'
import { changed, hourlyContract, NOW_MS, spotContract, spotObservations, withInput } from './testkit/contracts.ts'

const HOUR_MS = 3_600_000

/** The hourly contract with other steps; what the steps are given is `rows`, oldest first, as heart rate and lactate. */
function run(steps: readonly Record<string, unknown>[], rows: readonly (readonly (number | null)[])[]): number[][] {
  const observe = { op: 'observe', inputs: ['heart-rate', 'lactate'], hours: rows.length, to: 'rows' }
  const list = [observe, ...steps, { op: 'tensor', from: steps.at(-1)?.to ?? 'rows', tensor: 't' }]
  const preprocessing = list.map((step) => ({ version: 1, ...step })) as PreprocessingOp[]
  const column = (index: number) =>
    rows.flatMap((row, hour) => {
      const value = row[index] ?? null
      return value === null ? [] : [{ value, atMs: NOW_MS - (rows.length - 1 - hour) * HOUR_MS }]
    })
  const guarded: GuardedInputs = { inputs: { 'heart-rate': column(0), lactate: column(1) }, flags: [] }
  const tensor = preprocess(guarded, changed(hourlyContract, { preprocessing }), NOW_MS).t!
  const [height = 0, width = 0] = tensor.dims
  return Array.from({ length: height }, (_, row) =>
    Array.from(tensor.data.slice(row * width, (row + 1) * width), Number),
  )
}

const zeros = { op: 'fill', from: 'rows', to: 'filled', values: [0, 0] }

describe('observe', () => {
  it('codes become their index, booleans 0 or 1; one row is the latest of all', () => {
    const sent = {
      ...spotObservations(),
      consciousness: [{ value: 'P', atMs: NOW_MS }],
      oxygen: [{ value: true, atMs: NOW_MS }],
    }
    const { parameters } = preprocess(guard(sent, spotContract, NOW_MS), spotContract, NOW_MS)
    expect(parameters).toEqual({ dtype: 'float32', dims: [1, 5], data: Float32Array.of(18, 37, 1, 3, 0) })
  })

  it('the latest of all may be of any age', () => {
    const at = (hoursAgo: number, value: number) => ({ value, atMs: NOW_MS - hoursAgo * HOUR_MS })
    const guarded = { inputs: { 'heart-rate': [at(900, 60), at(800, 70)], lactate: [at(0, 2)] }, flags: [] }
    const preprocessing = contractSchema.shape.preprocessing.parse([
      { op: 'observe', version: 1, inputs: ['heart-rate', 'lactate'], hours: 1, to: 'latest' },
      { op: 'tensor', version: 1, from: 'latest', tensor: 't' },
    ])
    const tensors = preprocess(guarded, changed(hourlyContract, { preprocessing }), NOW_MS)
    expect([...tensors.t!.data]).toEqual([70, 2])
  })

  it('an hour is [n, n+1) hours before now, its latest observation wins, what is older is left out', () => {
    const at = (agoMs: number, value: number) => ({ value, unit: '/min', atMs: NOW_MS - agoMs })
    const sent = {
      age: [{ value: 61, unit: 'a', atMs: NOW_MS }],
      'heart-rate': [
        at(3 * HOUR_MS, 300),
        at(3 * HOUR_MS - 1, 20),
        at(2 * HOUR_MS, 21),
        at(2 * HOUR_MS - 1, 10),
        at(HOUR_MS, 11),
        at(HOUR_MS - 1, 12),
        at(0, 13),
        at(-30_000, 14),
      ],
    }
    const preprocessing = contractSchema.shape.preprocessing.parse([
      { op: 'observe', version: 1, inputs: ['heart-rate'], hours: 3, to: 'rows' },
      { op: 'tensor', version: 1, from: 'rows', tensor: 't' },
    ])
    const contract = changed(hourlyContract, { preprocessing })
    const tensors = preprocess(guard(sent, contract, NOW_MS), contract, NOW_MS)
    expect(tensors.t?.dims).toEqual([3, 1])
    expect([...tensors.t!.data]).toEqual([21, 11, 14])
  })
})

describe('steps', () => {
  it('fill', () =>
    expect(
      run(
        [{ ...zeros, values: [7, 8] }],
        [
          [null, 1],
          [2, null],
        ],
      ),
    ).toEqual([
      [7, 1],
      [2, 8],
    ]))
  it('mask', () =>
    expect(
      run(
        [{ op: 'mask', from: 'rows', to: 'm' }],
        [
          [null, 0],
          [2, null],
        ],
      ),
    ).toEqual([
      [0, 1],
      [1, 0],
    ]))
  it('carry-forward takes the row above, as far as it goes', () => {
    const carry = { op: 'carry-forward', from: 'rows', to: 'carried' }
    const rows = [
      [null, 5],
      [1, null],
      [null, null],
      [3, null],
    ]
    expect(run([carry, { ...zeros, from: 'carried' }], rows)).toEqual([
      [0, 5],
      [1, 5],
      [1, 5],
      [3, 5],
    ])
  })
  it('last-row', () =>
    expect(
      run(
        [{ op: 'last-row', from: 'rows', to: 'l' }],
        [
          [1, 2],
          [3, 4],
        ],
      ),
    ).toEqual([[3, 4]]))
  it('standardize', () => {
    const step = { op: 'standardize', from: 'rows', to: 's', mean: [10, 1], sd: [2, 0.5] }
    expect(
      run(
        [step],
        [
          [12, 1],
          [8, 3],
        ],
      ),
    ).toEqual([
      [1, 0],
      [-1, 4],
    ])
  })
  it('clip', () => {
    const step = { op: 'clip', from: 'rows', to: 'c', low: [0, 2], high: [10, 2] }
    expect(
      run(
        [step],
        [
          [-1, 1],
          [11, 3],
          [5, 2],
        ],
      ),
    ).toEqual([
      [0, 2],
      [10, 2],
      [5, 2],
    ])
  })
  it('clip and standardize leave missing missing', () => {
    const clip = { op: 'clip', from: 'rows', to: 'c', low: [0, 0], high: [10, 10] }
    const standardize = { op: 'standardize', from: 'c', to: 's', mean: [0, 0], sd: [1, 1] }
    expect(run([clip, standardize, { op: 'mask', from: 's', to: 'm' }], [[null, 1]])).toEqual([[0, 1]])
  })
  it('concatenate, with matrices of different width', () => {
    const mask = { op: 'mask', from: 'rows', to: 'm' }
    const twice = { op: 'concatenate', from: ['rows', 'm'], to: 'd' }
    const thrice = { op: 'concatenate', from: ['d', 'rows'], to: 'e' }
    expect(
      run(
        [mask, twice, thrice],
        [
          [1, 2],
          [3, 4],
        ],
      ),
    ).toEqual([
      [1, 2, 1, 1, 1, 2],
      [3, 4, 1, 1, 3, 4],
    ])
  })
  it('a step does not change what it reads', () => {
    const carry = { op: 'carry-forward', from: 'rows', to: 'carried' }
    const mask = { op: 'mask', from: 'rows', to: 'm' }
    expect(
      run(
        [carry, { ...zeros, from: 'carried' }, mask],
        [
          [1, 2],
          [null, 3],
        ],
      ),
    ).toEqual([
      [1, 1],
      [0, 1],
    ])
  })
})

describe('faults of the package', () => {
  const aboutOf = (steps: Record<string, unknown>[], rows = [[1, 2]] as (number | null)[][]) => {
    try {
      run(steps, rows)
    } catch (error) {
      if (error instanceof ContractError && error.code === 'contract_inconsistent') return error.about
      throw error
    }
    return 'none'
  }

  it('a missing value, an overflow, a name that nobody made, a list too short', () => {
    expect(aboutOf([], [[1, null]])).toBe('t')
    expect(aboutOf([{ op: 'standardize', from: 'rows', to: 's', mean: [0, 0], sd: [1e-40, 1] }])).toBe('t')
    expect(aboutOf([{ op: 'mask', from: 'nobody', to: 'm' }])).toBe('nobody')
    expect(aboutOf([{ op: 'clip', from: 'rows', to: 'c', low: [0], high: [1, 1] }])).toBe('t')
    expect(aboutOf([{ op: 'observe', inputs: ['nobody'], hours: 1, to: 'm' }])).toBe('nobody')
  })
})

describe('properties', () => {
  const agoMs = fc.integer({ min: -60_000, max: 9 * HOUR_MS })
  const value = fc.oneof(
    fc.double({ noNaN: true, min: -1e30, max: 1e30 }),
    fc.double({ min: 0, max: 200, noNaN: true }),
  )
  const series = (unit: string) =>
    fc.array(fc.record({ value, unit: fc.constant(unit), atMs: agoMs.map((ago) => NOW_MS - ago) }))
  const sent = fc.record({
    'heart-rate': series('/min'),
    temperature: fc.oneof(series('Cel'), series('[degF]')),
    lactate: fc.oneof(series('mmol/L'), series('mg/dL')),
  })

  it.each(['treat-as-missing', 'flag'])(
    'with fill and clip, nothing guarded (%s) leaves a gap or an infinity',
    (action) => {
      const inputs = ['heart-rate', 'temperature', 'lactate']
      const contract = inputs.reduce(
        (made: Contract, name) => withInput(made, name, { onImplausible: action }),
        hourlyContract,
      )
      fc.assert(
        fc.property(sent, (observations) => {
          const age = [{ value: 61, unit: 'a', atMs: NOW_MS }]
          const { features } = preprocess(guard({ ...observations, age }, contract, NOW_MS), contract, NOW_MS)
          expect(features?.dims).toEqual([1, 6])
          expect(features?.data.every((cell) => Number.isFinite(Number(cell)))).toBe(true)
        }),
      )
    },
  )
})

/** The first stays of the archive, as text. */
function readStays(archive: string, count: number): string[] {
  const stays: string[] = []
  list({
    file: archive,
    sync: true,
    filter: (path) => path.endsWith('.psv'),
    onReadEntry: (entry) => {
      if (stays.length >= count) return
      const index = stays.push('') - 1
      const parts: Buffer[] = []
      entry.on('data', (part: Buffer) => parts.push(part))
      entry.on('end', () => {
        stays[index] = Buffer.concat(parts).toString('utf8')
      })
    },
  })
  return stays
}

/** hourlyContract worked out by hand, on the table itself: row `last` is the hour of the decision. */
function byHand(table: readonly Readonly<Record<string, number>>[], last: number): number[] {
  const plan = [
    { column: 'HR', low: 10, high: 300, fill: 84, clipLow: 30, clipHigh: 220, mean: 84, sd: 16 },
    { column: 'Temp', low: 25, high: 45, fill: 37, clipLow: 30, clipHigh: 43, mean: 37, sd: 0.8 },
    { column: 'Lactate', low: 0, high: 40, fill: 1.6, clipLow: 0, clipHigh: 20, mean: 1.6, sd: 1.5 },
  ]
  const plausible = (row: number, { column, low, high }: (typeof plan)[number]) => {
    const value = table[row]?.[column] ?? Number.NaN
    return value >= low && value <= high ? value : undefined
  }
  const scaled = plan.map((step) => {
    let used = step.fill
    for (let row = Math.max(0, last - 5); row <= last; row++) used = plausible(row, step) ?? used
    if (step.column === 'Temp') used = Number(`${Math.round(Number(`${used}e1`))}e-1`)
    return Math.fround((Math.min(step.clipHigh, Math.max(step.clipLow, used)) - step.mean) / step.sd)
  })
  return [...scaled, ...plan.map((step) => (plausible(last, step) === undefined ? 0 : 1))]
}

describe.skipIf(!sharedData)('real stays', () => {
  const columns = { HR: ['heart-rate', '/min'], Temp: ['temperature', 'Cel'], Lactate: ['lactate', 'mmol/L'] } as const
  it('every hour of 25 stays is binned as by hand, wherever in the hour the decision falls', () => {
    const stays = readStays(join(sharedData ?? '', 'sepsis', 'patients.tar.gz'), 25)
    expect(stays).toHaveLength(25)
    let measured = 0
    for (const stay of stays) {
      const [header = '', ...lines] = stay.trim().split('\n')
      const names = header.split('|')
      const table = lines.map((line) =>
        Object.fromEntries(line.split('|').map((cell, i) => [names[i] ?? '', Number(cell)])),
      )
      for (let last = 0; last < table.length; last++) {
        const nowMs = NOW_MS + last * HOUR_MS + ((last * 977) % 3600) * 1000
        const sent: Record<string, Observation[]> = { age: [{ value: 61, unit: 'a', atMs: nowMs }] }
        for (const [column, [input, unit]] of Object.entries(columns)) {
          const series = table
            .slice(0, last + 1)
            .map((row, hour) => ({ value: row[column]!, unit, atMs: NOW_MS + hour * HOUR_MS }))
          sent[input] = series.filter(({ value }) => !Number.isNaN(value))
          measured += sent[input].length
        }
        const { features } = preprocess(guard(sent, hourlyContract, nowMs), hourlyContract, nowMs)
        expect([...features!.data], `hour ${last}`).toEqual(byHand(table, last))
      }
    }
    expect(measured).toBeGreaterThan(1000)
  })
})
