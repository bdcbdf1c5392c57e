import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Tensor } from '../tensor.ts'
import { connectedComponents } from './connected-components.ts'
import type { OpOf } from './output-schema.ts'

type Step = OpOf<'connected-components'>

function stepOf(change: Partial<Step> = {}): Step {
  const names = { op: 'connected-components', version: 1, from: 'labels', to: 'cleaned' } as const
  return { ...names, label: 1, background: 0, axes: 3, touch: 'faces', keep: 'largest', ...change }
}

const labelsOf = (dims: readonly number[], values: readonly number[]): Tensor => ({
  dtype: 'uint8',
  dims,
  data: Uint8Array.from(values),
})
const run = (from: Tensor, change: Partial<Step> = {}) => {
  const made = connectedComponents(from, stepOf(change))
  return made === undefined ? undefined : Array.from(made.data as Uint8Array)
}

/** Regions by flooding from each element that is not in one yet: slow, and nothing of the code under test. */
function flooded(values: readonly number[], [depth, rows, columns]: readonly number[], step: Step): number[] {
  const at = (z: number, y: number, x: number) => (z * rows! + y) * columns! + x
  const isInside = (z: number, y: number, x: number) =>
    z >= 0 && y >= 0 && x >= 0 && z < depth! && y < rows! && x < columns!
  const touches = (z: number, y: number, x: number) =>
    step.touch === 'corners' ? z !== 0 || y !== 0 || x !== 0 : Math.abs(z) + Math.abs(y) + Math.abs(x) === 1
  const seen = new Set<number>()
  const regions: number[][] = []
  const flood = (start: readonly [number, number, number]) => {
    const region: number[] = []
    const waiting = [start]
    seen.add(at(...start))
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      region.push(at(...next))
      for (const z of [-1, 0, 1])
        for (const y of [-1, 0, 1])
          for (const x of [-1, 0, 1]) {
            const near = [next[0] + z, next[1] + y, next[2] + x] as const
            if (!touches(z, y, x) || !isInside(...near) || seen.has(at(...near))) continue
            if (values[at(...near)] !== step.label) continue
            seen.add(at(...near))
            waiting.push(near)
          }
    }
    return region
  }
  for (let z = 0; z < depth!; z++)
    for (let y = 0; y < rows!; y++)
      for (let x = 0; x < columns!; x++)
        if (values[at(z, y, x)] === step.label && !seen.has(at(z, y, x))) regions.push(flood([z, y, x]))
  const most = Math.max(0, ...regions.map((region) => region.length))
  const largest = regions.find((region) => region.length === most)
  const { keep } = step
  const kept = regions.filter((region) => (keep === 'largest' ? region === largest : region.length >= keep.atLeast))
  const stays = new Set(kept.flat())
  return values.map((value, index) => (value === step.label && !stays.has(index) ? step.background : value))
}

const arbitraryStep = fc.record({
  touch: fc.constantFrom('faces' as const, 'corners' as const),
  keep: fc.oneof(fc.constant('largest' as const), fc.record({ atLeast: fc.integer({ min: 1, max: 6 }) })),
})
const arbitraryBlock = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 7 }))
  .chain((dims) => {
    const count = dims.reduce((product, size) => product * size, 1)
    // Mostly the label, or hardly: regions that wind, and many small ones.
    const value = fc.constantFrom(0, 1, 1, 1, 2)
    const sparse = fc.constantFrom(0, 0, 1, 2)
    const values = fc.oneof(value, sparse)
    return fc.record({ dims: fc.constant(dims), values: fc.array(values, { minLength: count, maxLength: count }) })
  })

describe('connected components', () => {
  it('are the regions that a flood finds, in three axes', () => {
    fc.assert(
      fc.property(arbitraryBlock, arbitraryStep, ({ dims, values }, change) => {
        expect(run(labelsOf([1, ...dims], values), change)).toEqual(flooded(values, dims, stepOf(change)))
      }),
      { numRuns: 400 },
    )
  })

  it('are those of each plane on its own, in two', () => {
    fc.assert(
      fc.property(arbitraryBlock, arbitraryStep, ({ dims, values }, change) => {
        const [planes, rows, columns] = dims
        const size = rows * columns
        const expected = Array.from({ length: planes }, (_, plane) =>
          flooded(values.slice(plane * size, (plane + 1) * size), [1, rows, columns], stepOf(change)),
        )
        expect(run(labelsOf(dims, values), { ...change, axes: 2 })).toEqual(expected.flat())
      }),
    )
  })

  it('of equals the first stays; other labels stay whatever they are', () => {
    expect(run(labelsOf([1, 7], [1, 1, 0, 2, 0, 1, 1]), { axes: 2 })).toEqual([1, 1, 0, 2, 0, 0, 0])
    expect(run(labelsOf([1, 4], [1, 2, 1, 1]), { axes: 2, background: 9 })).toEqual([9, 2, 1, 1])
  })

  it('touch by corners where that is said', () => {
    const diagonal = labelsOf([2, 2, 2], [1, 0, 0, 0, 0, 0, 0, 1])
    expect(run(diagonal)).toEqual([1, 0, 0, 0, 0, 0, 0, 0])
    expect(run(diagonal, { touch: 'corners' })).toEqual([1, 0, 0, 0, 0, 0, 0, 1])
  })

  it('nothing of the label: nothing changes', () => {
    expect(run(labelsOf([2, 2], [0, 2, 3, 0]), { axes: 2 })).toEqual([0, 2, 3, 0])
    expect(run(labelsOf([0, 4, 4], []))).toEqual([])
  })

  it('leaves what it reads as it was', () => {
    const from = labelsOf([1, 3], [1, 0, 1])
    run(from, { axes: 2 })
    expect(Array.from(from.data as Uint8Array)).toEqual([1, 0, 1])
  })

  it('takes labels of any type, and makes bytes of them', () => {
    const wide: Tensor = { dtype: 'int64', dims: [1, 3], data: BigInt64Array.of(1n, 0n, 255n) }
    expect(connectedComponents(wide, stepOf({ axes: 2 }))).toEqual(labelsOf([1, 3], [1, 0, 255]))
    const float: Tensor = { dtype: 'float32', dims: [1, 3], data: Float32Array.of(1, 1, 0) }
    expect(run(float, { axes: 2 })).toEqual([1, 1, 0])
  })

  it.each<[string, Tensor]>([
    ['a label beyond a byte', { dtype: 'int32', dims: [1, 1, 1], data: Int32Array.of(256) }],
    ['one below zero', { dtype: 'int32', dims: [1, 1, 1], data: Int32Array.of(-1) }],
    ['a part of one', { dtype: 'float32', dims: [1, 1, 1], data: Float32Array.of(0.5) }],
    ['NaN', { dtype: 'float32', dims: [1, 1, 1], data: Float32Array.of(Number.NaN) }],
    ['too few axes', labelsOf([2, 2], [1, 0, 0, 1])],
  ])('%s: cannot be', (_what, from) => {
    expect(run(from)).toBeUndefined()
  })
})

describe('of 16.7 million elements', () => {
  const side = 256
  const dims = [1, side, side, side]
  const count = side ** 3
  const timed = (data: Uint8Array<ArrayBuffer>, change: Partial<Step>) => {
    const startedMs = performance.now()
    const made = connectedComponents({ dtype: 'uint8', dims, data }, stepOf(change))
    return { labels: made?.data as Uint8Array, tookMs: performance.now() - startedMs }
  }
  const sum = (labels: Uint8Array) => labels.reduce((total, label) => total + label, 0)

  // What is slow is found at ten times what was measured on two cores, so that a busy machine is no fault.
  it.each(['faces', 'corners'] as const)('one region of everything, touching by %s', (touch) => {
    const { labels, tookMs } = timed(new Uint8Array(count).fill(1), { touch })
    expect(sum(labels)).toBe(count)
    expect(tookMs).toBeLessThan(15_000)
  })

  it('a board of single elements, half of all', () => {
    const board = Uint8Array.from({ length: count }, (_, index) => (index + (index >> 8) + (index >> 16)) & 1)
    const { labels, tookMs } = timed(board, { keep: { atLeast: 2 } })
    expect(sum(labels)).toBe(0)
    expect(tookMs).toBeLessThan(15_000)
  })

  it('a thread that winds through all planes is one region', () => {
    // Every second row is a line; their ends are joined in turn, so that the thread is as long as can be.
    const thread = new Uint8Array(count)
    for (let row = 0; row < side * side; row += 2) {
      thread.fill(1, row * side, (row + 1) * side)
      if (row + 2 < side * side) thread[(row + 1) * side + (row % 4 === 0 ? side - 1 : 0)] = 1
    }
    const total = sum(thread)
    const { labels, tookMs } = timed(thread, {})
    expect(sum(labels)).toBe(total)
    expect(tookMs).toBeLessThan(15_000)
  })
})
