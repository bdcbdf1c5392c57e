import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Refusal, refusals, StaleRefusal } from './errors.ts'
import { FUTURE_TOLERANCE_MS, guard, MAX_OBSERVATIONS, type Observation } from './guard.ts'
import { contractSchema } from './schema.ts'
import { changed, hourlyContract, NOW_MS, spotContract, spotObservations, withInput } from './testkit/contracts.ts'

const MINUTE_MS = 60_000

/** What a sender might send, whatever the types say. */
function guardAnything(observations: unknown, contract = spotContract, nowMs = NOW_MS) {
  return guard(observations as Record<string, Observation[]>, contract, nowMs)
}

function refusalOf(observations: unknown, contract = spotContract): { code: string; about: string | undefined } {
  try {
    guardAnything(observations, contract)
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code, about: error.about }
    throw error
  }
  return { code: 'accepted', about: undefined }
}

function spotWith(name: string, change: Record<string, unknown>): Record<string, unknown> {
  const observations = spotObservations()
  return { ...observations, [name]: [{ ...observations[name]?.[0], ...change }] }
}

const heartRate = (value: number, minutesAgo: number) => ({
  value,
  unit: '/min',
  atMs: NOW_MS - minutesAgo * MINUTE_MS,
})
const age = [{ value: 61, unit: 'a', atMs: NOW_MS }]

describe('what is sent in full is taken', () => {
  it('every input of the contract comes back, the default flagged', () => {
    const { inputs, flags } = guard(spotObservations(), spotContract, NOW_MS)
    expect(Object.keys(inputs)).toEqual(spotContract.inputs.map((input) => input.name))
    expect(inputs.temperature).toEqual([{ value: 37, atMs: NOW_MS - 5 * MINUTE_MS }])
    expect(inputs['spo2-scale']).toEqual([{ value: '1', atMs: NOW_MS }])
    expect(flags).toEqual([{ input: 'spo2-scale', flag: 'default' }])
  })

  it.each([
    [95, '[degF]', 35],
    [38.05, 'Cel', 38.1],
    [38.04, 'Cel', 38],
    [36.949, 'Cel', 36.9],
    [100.49, '[degF]', 38.1],
    [310.15, 'K', 37],
  ])('%d %s is fed as %d', (value, unit, expected) => {
    const { inputs } = guardAnything(spotWith('temperature', { value, unit }))
    expect(inputs.temperature?.[0]?.value).toBe(expected)
  })

  it('−0 is 0', () => {
    const sent = spotWith('respiration-rate', { value: -0 })
    expect(Object.is(guardAnything(sent).inputs['respiration-rate']?.[0]?.value, 0)).toBe(true)
    const unrounded = withInput(spotContract, 'respiration-rate', { decimals: undefined })
    expect(Object.is(guardAnything(sent, unrounded).inputs['respiration-rate']?.[0]?.value, 0)).toBe(true)
  })
})

describe('rate of change', () => {
  const limited = (onAbrupt: string) =>
    withInput(hourlyContract, 'heart-rate', { change: { perHour: 40, onAbrupt }, decimals: 0 })
  const sent = (...readings: readonly (readonly [value: number, minutesAgo: number])[]) => ({
    age,
    'heart-rate': readings.map(([value, minutesAgo]) => heartRate(value, minutesAgo)),
  })
  const kept = (observations: unknown, onAbrupt: string) => {
    const { inputs, flags } = guardAnything(observations, limited(onAbrupt))
    const isAbrupt = flags.some(({ input, flag }) => input === 'heart-rate' && flag === 'abrupt')
    return { values: inputs['heart-rate']?.map(({ value }) => value), isAbrupt }
  }
  const artefact = sent([80, 180], [260, 120], [84, 60], [90, 0])

  it('an artefact is set aside, and the next is held against what was kept', () => {
    expect(kept(artefact, 'treat-as-missing')).toEqual({ values: [80, 84, 90], isAbrupt: true })
    expect(kept(artefact, 'flag')).toEqual({ values: [80, 260, 84, 90], isAbrupt: true })
    expect(refusalOf(artefact, limited('refuse'))).toEqual({ code: 'input_abrupt', about: 'heart-rate' })
  })

  it('a change up to the limit is taken; a longer time allows as much more, a shorter no less', () => {
    expect(kept(sent([80, 60], [120, 0]), 'refuse')).toEqual({ values: [80, 120], isAbrupt: false })
    expect(kept(sent([80, 150], [180, 0]), 'refuse').isAbrupt).toBe(false)
    expect(kept(sent([80, 150], [181, 0]), 'flag').isAbrupt).toBe(true)
    expect(kept(sent([80, 1], [120, 0]), 'refuse').isAbrupt).toBe(false)
    expect(kept(sent([80, 1], [121, 0]), 'flag').isAbrupt).toBe(true)
    expect(kept(sent([120, 60], [79, 0]), 'flag').isAbrupt).toBe(true)
  })

  it('a new level is believed once there was time for it, or once two in a row agree on it', () => {
    expect(kept(sent([80, 180], [150, 150], [90, 120], [152, 60], [153, 0]), 'treat-as-missing').values).toEqual([
      80, 90, 153,
    ])
    const risen = sent([80, 180], [150, 150], [151, 120], [152, 60], [153, 0])
    expect(kept(risen, 'treat-as-missing').values).toEqual([80, 150, 151, 152, 153])
  })

  it('two that agree are no artefact: what comes after a wrong first reading, and a heart that really races, is not hidden', () => {
    expect(kept(sent([220, 50], [80, 40], [82, 30], [81, 0]), 'treat-as-missing')).toEqual({
      values: [220, 80, 82, 81],
      isAbrupt: true,
    })
    expect(kept(sent([80, 60], [180, 40], [182, 20], [181, 0]), 'treat-as-missing').values).toEqual([80, 180, 182, 181])
    expect(kept(sent([80, 60], [180, 40], [20, 20], [81, 0]), 'treat-as-missing').values).toEqual([80, 81])
  })

  it('of one observation, or of none, there is no change', () => {
    expect(kept(sent([80, 0]), 'refuse')).toEqual({ values: [80], isAbrupt: false })
    expect(kept({ age }, 'refuse')).toEqual({ values: [], isAbrupt: false })
  })
})

describe('staleness', () => {
  it('the refusal knows the age and the limit, and its message says neither', () => {
    const contract = withInput(hourlyContract, 'heart-rate', { onStale: 'refuse', maxAgeMinutes: 240 })
    try {
      guardAnything({ age, 'heart-rate': [heartRate(80, 299)] }, contract)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(StaleRefusal)
      expect(error).toMatchObject({ about: 'heart-rate', ageMinutes: 299, limitMinutes: 240 })
      expect((error as StaleRefusal).message).toBe(`${refusals.input_stale} (heart-rate)`)
    }
  })
})

describe('names', () => {
  const proto = JSON.parse('{"__proto__": [{"value": 1, "unit": "/min", "atMs": 0}]}')

  it('an input that the contract does not have is refused, unnamed', () => {
    for (const name of ['gcs', 'GCS', 'Temperature', 'temperature ', 'constructor', 'toString', 'Jane Doe 1970', '']) {
      expect(refusalOf({ ...spotObservations(), [name]: [] })).toEqual({ code: 'input_unknown', about: undefined })
    }
    expect(refusalOf(Object.assign(proto, spotObservations()))).toEqual({ code: 'input_unknown', about: undefined })
    expect(({} as Record<string, unknown>).value).toBeUndefined()
  })

  it('an input may be called as a property of every object', () => {
    const contract = contractSchema.parse(
      JSON.parse(JSON.stringify(spotContract).replaceAll('"oxygen"', '"constructor"')),
    )
    const { oxygen, ...rest } = spotObservations()
    expect(refusalOf(rest, contract)).toEqual({ code: 'input_missing', about: 'constructor' })
    const { inputs } = guardAnything({ ...rest, constructor: oxygen }, contract)
    expect(inputs.constructor).toEqual([{ value: false, atMs: NOW_MS - 5 * MINUTE_MS }])
  })
})

describe('types and units', () => {
  it.each([
    ['temperature', { value: '37' }, 'input_wrong_type'],
    ['temperature', { value: true }, 'input_wrong_type'],
    ['temperature', { value: null }, 'input_wrong_type'],
    ['temperature', { value: [37] }, 'input_wrong_type'],
    ['temperature', { value: { valueOf: 37 } }, 'input_wrong_type'],
    ['temperature', { value: Number.NaN }, 'input_not_finite'],
    ['temperature', { value: Number.POSITIVE_INFINITY }, 'input_not_finite'],
    ['temperature', { unit: undefined }, 'input_unit_missing'],
    ['temperature', { unit: '' }, 'input_unit_missing'],
    ['temperature', { unit: 7 }, 'input_wrong_type'],
    ['temperature', { unit: null }, 'input_wrong_type'],
    ['temperature', { unit: 'cel' }, 'input_unit_unknown'],
    ['temperature', { unit: 'mm[Hg]' }, 'input_unit_incompatible'],
    ['temperature', { value: 1e308 }, 'input_not_finite'],
    ['temperature', { value: 5e-324 }, 'input_out_of_range'],
    ['temperature', { value: 95 }, 'input_out_of_range'],
    ['temperature', { value: 45.04 }, 'input_out_of_range'],
    ['temperature', { value: 24.96 }, 'input_out_of_range'],
    ['temperature', { atMs: Number.NaN }, 'input_wrong_type'],
    ['temperature', { atMs: Number.POSITIVE_INFINITY }, 'input_wrong_type'],
    ['temperature', { atMs: 1e300 }, 'input_wrong_type'],
    ['temperature', { atMs: '2024-01-01' }, 'input_wrong_type'],
    ['temperature', { atMs: undefined }, 'input_wrong_type'],
    ['temperature', { atMs: -8.64e15 }, 'input_stale'],
    ['oxygen', { value: 1 }, 'input_wrong_type'],
    ['oxygen', { value: 'false' }, 'input_wrong_type'],
    ['oxygen', { unit: '1' }, 'input_unit_incompatible'],
    ['consciousness', { value: 4 }, 'input_wrong_type'],
    ['consciousness', { value: 'a' }, 'input_code_unknown'],
    ['consciousness', { value: '' }, 'input_code_unknown'],
    ['consciousness', { value: '__proto__' }, 'input_code_unknown'],
    ['consciousness', { unit: '/min' }, 'input_unit_incompatible'],
  ])('%s with %j is %s', (name, change, code) => {
    expect(refusalOf(spotWith(name, change))).toEqual({ code, about: name })
  })

  it.each([null, 7, 'x', undefined, {}, { length: 1 }])('a list that is %j is refused', (list) => {
    expect(refusalOf({ ...spotObservations(), oxygen: list })).toEqual({ code: 'input_wrong_type', about: 'oxygen' })
  })

  it.each([null, 7, 'x', undefined, []])('an observation that is %j is refused', (observation) => {
    const sent = { ...spotObservations(), oxygen: [observation] }
    expect(refusalOf(sent)).toEqual({ code: 'input_wrong_type', about: 'oxygen' })
  })

  it.each([null, undefined, 7, 'text', true])('observations that are %j are refused', (observations) => {
    expect(refusalOf(observations).code).toBe('input_wrong_type')
  })

  it('a sparse list is refused, a huge one at once', () => {
    expect(refusalOf({ ...spotObservations(), oxygen: new Array(1) }).code).toBe('input_wrong_type')
    expect(refusalOf({ ...spotObservations(), oxygen: new Array(2 ** 32 - 1) }).code).toBe('input_too_many')
  })
})

describe('plausible range', () => {
  it('is inclusive, and held before rounding', () => {
    expect(guardAnything(spotWith('temperature', { value: 45 })).inputs.temperature?.[0]?.value).toBe(45)
    expect(guardAnything(spotWith('temperature', { value: 25 })).inputs.temperature?.[0]?.value).toBe(25)
    expect(refusalOf(spotWith('temperature', { value: 113.01, unit: '[degF]' })).code).toBe('input_out_of_range')
    expect(guardAnything(spotWith('temperature', { value: 113, unit: '[degF]' })).inputs.temperature?.[0]?.value).toBe(
      45,
    )
  })

  it('treat-as-missing sets the one aside and keeps the others', () => {
    const sent = { age, 'heart-rate': [heartRate(999, 1), heartRate(80, 30)] }
    const { inputs, flags } = guardAnything(sent, hourlyContract)
    expect(inputs['heart-rate']).toEqual([{ value: 80, atMs: NOW_MS - 30 * MINUTE_MS }])
    expect(flags).toContainEqual({ input: 'heart-rate', flag: 'implausible' })
    expect(flags).not.toContainEqual({ input: 'heart-rate', flag: 'missing' })
  })

  it('an essential input set aside is missing', () => {
    const contract = withInput(spotContract, 'temperature', { onImplausible: 'treat-as-missing' })
    expect(refusalOf(spotWith('temperature', { value: 60 }), contract)).toEqual({
      code: 'input_missing',
      about: 'temperature',
    })
  })

  it('flag keeps it, but nothing that float32 cannot hold', () => {
    const contract = withInput(spotContract, 'temperature', { onImplausible: 'flag' })
    const { inputs, flags } = guardAnything(spotWith('temperature', { value: 60 }), contract)
    expect(inputs.temperature?.[0]?.value).toBe(60)
    expect(flags).toContainEqual({ input: 'temperature', flag: 'implausible' })
    expect(refusalOf(spotWith('temperature', { value: 1e39 }), contract).code).toBe('input_not_finite')
  })
})

describe('time', () => {
  it('an observation from the future is refused, but for the tolerance, which counts as now', () => {
    const atMs = NOW_MS + FUTURE_TOLERANCE_MS
    expect(guardAnything(spotWith('oxygen', { atMs })).inputs.oxygen).toEqual([{ value: false, atMs: NOW_MS }])
    expect(refusalOf(spotWith('oxygen', { atMs: atMs + 1 }))).toEqual({ code: 'input_in_future', about: 'oxygen' })
  })

  it('stale is older than the contract allows, to the millisecond', () => {
    const oldest = NOW_MS - 60 * MINUTE_MS
    expect(guardAnything(spotWith('oxygen', { atMs: oldest })).inputs.oxygen).toHaveLength(1)
    expect(refusalOf(spotWith('oxygen', { atMs: oldest - 1 }))).toEqual({ code: 'input_stale', about: 'oxygen' })
  })

  it('stale can be flagged, or count as missing; a default does not stand in for it', () => {
    const old = { value: '2', atMs: NOW_MS - 61 * MINUTE_MS }
    const flagged = withInput(spotContract, 'spo2-scale', { onStale: 'flag' })
    const kept = guardAnything({ ...spotObservations(), 'spo2-scale': [old] }, flagged)
    expect(kept.inputs['spo2-scale']).toEqual([old])
    expect(kept.flags).toEqual([{ input: 'spo2-scale', flag: 'stale' }])

    const missing = withInput(spotContract, 'spo2-scale', { onStale: 'treat-as-missing' })
    const set = guardAnything({ ...spotObservations(), 'spo2-scale': [old] }, missing)
    expect(set.inputs['spo2-scale']).toEqual([])
    expect(set.flags.map(({ flag }) => flag)).toEqual(['stale', 'missing'])
  })

  it('of a series only the newest can be stale', () => {
    const contract = withInput(hourlyContract, 'heart-rate', { onStale: 'refuse' })
    const history = [heartRate(70, 59), heartRate(60, 600)]
    expect(guardAnything({ age, 'heart-rate': history }, contract).inputs['heart-rate']).toHaveLength(2)
    expect(refusalOf({ age, 'heart-rate': [heartRate(60, 600)] }, contract).code).toBe('input_stale')
  })

  it('a series comes oldest first; of two at one moment the later sent stands, flagged', () => {
    const sent = [heartRate(90, 10), heartRate(70, 30), heartRate(91, 10), heartRate(80, 20)]
    const { inputs, flags } = guardAnything({ age, 'heart-rate': sent }, hourlyContract)
    expect(inputs['heart-rate']?.map(({ value }) => value)).toEqual([70, 80, 91])
    expect(flags).toContainEqual({ input: 'heart-rate', flag: 'duplicate' })
  })

  it('a correction that is not plausible does not replace what it corrects', () => {
    const sent = [heartRate(90, 10), heartRate(9000, 10)]
    expect(guardAnything({ age, 'heart-rate': sent }, hourlyContract).inputs['heart-rate']?.[0]?.value).toBe(90)
  })
})

describe('how many', () => {
  it('one where there is no series, a thousand where there is', () => {
    const { oxygen = [] } = spotObservations()
    expect(refusalOf({ ...spotObservations(), oxygen: [...oxygen, ...oxygen] }).code).toBe('input_too_many')
    const series = Array.from({ length: MAX_OBSERVATIONS + 1 }, (_, minutesAgo) => heartRate(80, minutesAgo))
    expect(refusalOf({ age, 'heart-rate': series }, hourlyContract).code).toBe('input_too_many')
    expect(refusalOf({ age, 'heart-rate': series.slice(1) }, hourlyContract).code).toBe('accepted')
  })
})

describe('missing', () => {
  it('one refusal names all that is missing', () => {
    expect(refusalOf({}).about).toBe('respiration-rate, temperature, age, oxygen, pregnant, consciousness')
    expect(refusalOf({ ...spotObservations(), oxygen: [], temperature: [] })).toEqual({
      code: 'input_missing',
      about: 'temperature, oxygen',
    })
  })

  it('what the population is judged by cannot be missing, even where the model allows it', () => {
    const contract = withInput(spotContract, 'pregnant', { onMissing: 'allow' })
    expect(refusalOf({ ...spotObservations(), pregnant: [] }, contract)).toEqual({
      code: 'input_missing',
      about: 'pregnant',
    })
  })

  it('what may be missing is flagged', () => {
    const { inputs, flags } = guardAnything({ age }, hourlyContract)
    expect(inputs.lactate).toEqual([])
    expect(flags).toEqual(['heart-rate', 'temperature', 'lactate'].map((input) => ({ input, flag: 'missing' })))
  })
})

describe('population', () => {
  it.each([
    ['age', { value: 15.99 }, 'under 16 years'],
    ['age', { value: 191, unit: 'mo' }, 'under 16 years'],
    ['pregnant', { value: true }, 'pregnant'],
  ])('%s %j is outside', (name, change, reason) => {
    expect(refusalOf(spotWith(name, change))).toEqual({ code: 'population_excluded', about: reason })
  })

  it('the edge is inside', () => {
    expect(refusalOf(spotWith('age', { value: 16 })).code).toBe('accepted')
    expect(refusalOf(spotWith('age', { value: 192, unit: 'mo' })).code).toBe('accepted')
  })

  it('is judged by the latest, at most as well as at least', () => {
    const criteria = [{ rule: 'at-most' as const, input: 'heart-rate', value: 100, reason: 'too fast' }]
    const contract = changed(hourlyContract, { population: { description: 'Slow.', criteria } })
    const sent = (latest: number, before: number) => ({
      age,
      'heart-rate': [heartRate(latest, 5), heartRate(before, 9)],
    })
    expect(refusalOf(sent(100, 150), contract).code).toBe('accepted')
    expect(refusalOf(sent(101, 50), contract).about).toBe('too fast')
  })
})

describe('properties', () => {
  const odd = fc.oneof(fc.double(), fc.constantFrom(1e308, -0, 5e-324, -1e308, NOW_MS, NOW_MS - 1e6), fc.anything())
  const unit = fc.option(fc.oneof(fc.constantFrom('Cel', '[degF]', '/min', 'a', 'mmol/L', '%'), fc.string()), {
    nil: undefined,
  })
  const observation = fc.oneof(fc.record({ value: odd, unit, atMs: odd }, { requiredKeys: [] }), fc.anything())
  const names = [...spotContract.inputs, ...hourlyContract.inputs].map((input) => input.name)
  const name = fc.oneof(fc.constantFrom(...names), fc.constantFrom('__proto__', 'constructor'), fc.string())
  const changes = fc.record({ value: odd, unit, atMs: odd }, { requiredKeys: [] })
  /** All that is needed, with one input disturbed: gets past the names and deep into the checks. */
  const disturbed = fc
    .tuple(fc.constantFrom(...Object.keys(spotObservations())), changes)
    .map(([input, change]) => spotWith(input, change))
  const observations = fc.oneof(
    disturbed,
    fc.dictionary(name, fc.oneof(fc.array(observation, { maxLength: 4 }), fc.anything()), { maxKeys: 6 }),
    fc.dictionary(fc.constantFrom(...names.slice(0, 7)), fc.array(observation, { maxLength: 2 })),
    fc.anything(),
  )

  it.each([
    ['spot', spotContract],
    ['hourly', hourlyContract],
  ])('%s: anything is guarded or refused', (_name, contract) => {
    fc.assert(
      fc.property(observations, (sent) => {
        const { code } = refusalOf(sent, contract)
        return code === 'accepted' || Object.hasOwn(refusals, code)
      }),
      { numRuns: 3000 },
    )
  })

  it('no refusal carries what was sent', () => {
    const secret = 'Zbigniew-1931'
    const places = [
      { [secret]: [] },
      { ...spotObservations(), oxygen: secret },
      spotWith('consciousness', { value: secret }),
      spotWith('temperature', { value: secret }),
      spotWith('temperature', { unit: secret }),
      spotWith('temperature', { atMs: secret }),
    ]
    for (const sent of places) {
      try {
        guardAnything(sent)
        expect.unreachable()
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal)
        const { message, about, cause, stack } = error as Refusal
        expect(JSON.stringify([message, about, cause, stack])).not.toContain(secret)
      }
    }
  })

  it('the order in which a series is sent does not matter', () => {
    const minutes = fc.uniqueArray(fc.integer({ min: 0, max: 500 }), { maxLength: 20 })
    const series = minutes.map((list) => list.map((minutesAgo) => heartRate(60 + (minutesAgo % 50), minutesAgo)))
    fc.assert(
      fc.property(
        series.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([a, b]) => {
          const guarded = (list: Observation[]) => guard({ age, 'heart-rate': list }, hourlyContract, NOW_MS)
          expect(guarded(b)).toEqual(guarded(a))
        },
      ),
    )
  })
})
