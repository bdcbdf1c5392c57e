import { describe, expect, it } from 'vitest'
import { ContractError } from '../../models/contract/errors.ts'
import { postprocess } from '../../models/contract/postprocess.ts'
import type { Contract } from '../../models/contract/schema.ts'
import type { Tensor, Tensors } from '../../models/contract/tensor.ts'
import { explain } from './explain.ts'
import { activation, floats, imageContract, imagesOf, linearModel, occlusion } from './testkit/image-contracts.ts'

const sixteen = Array.from({ length: 16 }, (_, index) => index + 1)
const image = floats([1, 1, 4, 4], sixteen)
/** Every weight a sum of powers of two, so that float32 and float64 agree to the last bit. */
const weights = Array.from({ length: 16 }, (_, index) => (index % 3) - 0.5 * (index % 2))

type Run = (inputs: Tensors) => Promise<Tensors>

async function explained(contract: Contract, run: Run, tensors: Tensors = { image }) {
  return explain(postprocess(await run(tensors), contract), tensors, contract, run)
}

/** What the elements of a place give to a linear model. */
function partOf(edges: { rowEdges: readonly number[]; columnEdges: readonly number[] }, row: number, column: number) {
  let sum = 0
  for (let y = edges.rowEdges[row] ?? 0; y < (edges.rowEdges[row + 1] ?? 0); y++)
    for (let x = edges.columnEdges[column] ?? 0; x < (edges.columnEdges[column + 1] ?? 0); x++)
      sum += (sixteen[y * 4 + x] ?? 0) * (weights[y * 4 + x] ?? 0)
  return sum
}

describe('occlusion', () => {
  it.each([1, 2, 3, 4])('of a linear model says exactly what each place gave (seed %i)', async (seed) => {
    const contract = imageContract({ ...occlusion, seed })
    const { map, ...rest } = await explained(contract, linearModel(weights, 7))
    const total = sixteen.reduce((sum, value, index) => sum + value * (weights[index] ?? 0), 7)
    expect(rest).toMatchObject({ method: 'occlusion', of: 'level', contributions: [], baseline: 7, residual: 0 })
    expect(map).toMatchObject({ rows: 2, columns: 2 })
    const parts = [0, 1, 2, 3].map((place) => map && partOf(map, Math.floor(place / 2), place % 2))
    expect(map?.values).toEqual(parts)
    expect(map?.values.reduce((sum, value) => sum + value, 7)).toBe(total)
  })

  it('another seed lays another grid, the same seed the same one', async () => {
    const edges = new Set<string>()
    for (let seed = 0; seed < 12; seed++) {
      const contract = imageContract({ ...occlusion, seed })
      const [one, again] = [
        await explained(contract, linearModel(weights)),
        await explained(contract, linearModel(weights)),
      ]
      expect(again).toEqual(one)
      edges.add(JSON.stringify([one.map?.rowEdges, one.map?.columnEdges]))
    }
    // Inner edges at 1, 2 or 3, each way.
    expect(edges.size).toBeGreaterThan(3)
  })

  it('covers with the fill, and what is fill already gave nothing', async () => {
    const contract = imageContract({ ...occlusion, rows: 4, columns: 4, fill: 3 })
    const { map, baseline } = await explained(contract, linearModel(weights))
    expect(map?.values).toEqual(sixteen.map((value, index) => (value - 3) * (weights[index] ?? 0) + 0))
    expect(map?.values.some((value) => Object.is(value, -0))).toBe(false)
    expect(baseline).toBe(weights.reduce((sum, weight) => sum + 3 * weight, 0))
  })

  it('covers all channels of a place, wherever the channels lie', async () => {
    const two = [...sixteen, ...sixteen.map((value) => value * 100)]
    const planes = { image: floats([1, 2, 4, 4], two) }
    const together = {
      image: floats(
        [1, 4, 4, 2],
        sixteen.flatMap((value) => [value, value * 100]),
      ),
    }
    const sum: Run = async (inputs) => {
      const levels = imagesOf(inputs).map((values) => values.reduce((all, value) => all + value, 0))
      return { level: floats([levels.length, 1], levels) }
    }
    const grid = { ...occlusion, rows: 4, columns: 4 }
    const first = await explained(imageContract(grid), sum, planes)
    const last = await explained(imageContract({ ...grid, layout: 'NHWC' }, 'NHWC'), sum, together)
    expect(first.map?.values).toEqual(sixteen.map((value) => value * 101))
    expect(last.map).toEqual(first.map)
    expect(last.deletion).toEqual(first.deletion)
  })

  it('is borne out by covering where the model is what the map says', async () => {
    const { deletion } = await explained(imageContract({ ...occlusion, rows: 4, columns: 4 }), linearModel(weights))
    expect(deletion).toMatchObject({ steps: 5, seed: 1, fill: 0 })
    expect(deletion?.score).toBeLessThan(deletion?.random ?? Number.NaN)
  })
})

describe('images of one run', () => {
  const counting = (run: Run) => {
    const counts: number[] = []
    const counted: Run = (inputs) => {
      counts.push(inputs.image?.dims[0] ?? 0)
      return run(inputs)
    }
    return { counts, counted }
  }
  const grid = { ...occlusion, rows: 4, columns: 4 }

  it('are one where the contract does not say that the model takes more', async () => {
    const { counts, counted } = counting(linearModel(weights))
    await explained(imageContract(grid), counted)
    expect(new Set(counts)).toEqual(new Set([1]))
    // The decision; the image as it is and 16 places; as it is, covered, and three orders of four steps.
    expect(counts).toHaveLength(1 + 17 + 14)
  })

  it('are as many as the contract says, and what comes out is the same', async () => {
    const { counts, counted } = counting(linearModel(weights))
    const many = await explained(imageContract({ ...grid, batch: 8 }), counted)
    expect(counts).toEqual([1, 8, 8, 1, 8, 6])
    expect(many).toEqual(await explained(imageContract(grid), linearModel(weights)))
  })

  it('take at most 8 MiB, unless one alone takes more', async () => {
    const side = 1024
    const large = { image: floats([1, 1, side, side], [1]) }
    large.image = { ...large.image, data: new Float32Array(side * side).fill(1) }
    const { counts, counted } = counting(async (inputs) => {
      const count = inputs.image?.dims[0] ?? 0
      return {
        level: floats(
          [count, 1],
          Array.from({ length: count }, () => 2),
        ),
      }
    })
    await explained(imageContract({ ...occlusion, batch: 256 }, 'NCHW', side), counted, large)
    // 4 MiB each: two together.
    expect(Math.max(...counts)).toBe(2)
  })

  it('that the model mixes up leave no explanation', async () => {
    const mixing: Run = async (inputs) => {
      const { level } = await linearModel(weights, 7)(inputs)
      const count = inputs.image?.dims[0] ?? 1
      return {
        level: floats(
          [count, 1],
          Array.from(level?.data as Float32Array, (value) => value * count),
        ),
      }
    }
    const { method, reason, map } = await explained(imageContract({ ...grid, batch: 8 }), mixing)
    expect([method, map]).toEqual(['none', undefined])
    expect(reason).toContain('another result')
  })

  it('leave the other inputs of the model as they are', async () => {
    const age = floats([1, 1], [61])
    const seen = new Set<Tensor | undefined>()
    const run: Run = (inputs) => {
      seen.add(inputs.age)
      return linearModel(weights)(inputs)
    }
    await explained(imageContract(grid), run, { image, age })
    expect([...seen]).toEqual([age])
  })

  it.each<[string, (answer: Tensors) => Tensors]>([
    ['one row for all', () => ({ level: floats([1, 1], [1]) })],
    ['no such output', () => ({})],
    [
      'what is not a number',
      ({ level }) => ({
        level: floats(
          level?.dims ?? [],
          [...(level?.data ?? [])].map(() => Number.NaN),
        ),
      }),
    ],
  ])('are refused when the model answers with %s', async (_what, change) => {
    const contract = imageContract({ ...grid, batch: 4 })
    const run = linearModel(weights)
    const assessment = postprocess(await run({ image }), contract)
    const answer = explain(assessment, { image }, contract, async (inputs) => change(await run(inputs)))
    await expect(answer).rejects.toBeInstanceOf(ContractError)
  })
})

describe('a class activation map', () => {
  /** Two feature maps of 2 × 2: means of the quarters, and their squares; the level is what the map adds up to. */
  const quarters = (values: readonly number[]) =>
    [0, 2, 8, 10].map((start) => [0, 1, 4, 5].reduce((sum, step) => sum + (values[start + step] ?? 0), 0) / 4)
  const mapFor = (values: readonly number[]) => quarters(values).map((mean) => Math.fround(mean - mean ** 2 / 32))
  const model: Run = async (inputs) => {
    const maps = imagesOf(inputs).map(mapFor)
    const levels = maps.map((map) => map.reduce((sum, value) => sum + value, 0))
    return { level: floats([levels.length, 1], levels), activation: floats([maps.length, 2, 2], maps.flat()) }
  }

  it('is the map that came with the result, over even places', async () => {
    const { map, method, residual, deletion } = await explained(imageContract(activation), model)
    expect([method, residual]).toEqual(['class-activation-map', expect.closeTo(0, 3)])
    expect(map).toEqual({ rows: 2, columns: 2, values: mapFor(sixteen), rowEdges: [0, 2, 4], columnEdges: [0, 2, 4] })
    expect(deletion).toMatchObject({ steps: 4, seed: 1, fill: 0 })
    expect(deletion?.score).toBeLessThan(deletion?.random ?? Number.NaN)
  })

  it('that names the wrong places is found out by covering', async () => {
    const wrong: Run = async (inputs) => {
      const { level, activation: map } = await model(inputs)
      return {
        ...(level && { level }),
        activation: floats(
          map?.dims ?? [],
          Array.from(map?.data as Float32Array, (value) => -value),
        ),
      }
    }
    const { deletion } = await explained(imageContract(activation), wrong)
    expect(deletion?.score).toBeGreaterThan(deletion?.random ?? Number.NaN)
  })

  it.each<[string, Tensor | undefined]>([
    ['none', undefined],
    ['one place', floats([1, 1, 1], [1])],
    ['numbers that are none', floats([1, 1, 2], [1, Number.NaN])],
    ['another type', { dtype: 'float64', dims: [1, 1, 2], data: new Float64Array(2) }],
    ['another form', floats([1, 1, 1, 2], [1, 2])],
    ['of two images', floats([2, 1, 2], [1, 2, 3, 4])],
    ['more places than the image has rows', floats([1, 5, 1], [1, 2, 3, 4, 5])],
    [
      'too many places',
      floats(
        [1, 33, 32],
        Array.from({ length: 33 * 32 }, () => 1),
      ),
    ],
  ])('is refused when it is %s', async (_what, map) => {
    const side = map?.dims[1] === 33 ? 64 : 4
    const contract = imageContract(activation, 'NCHW', side)
    const tensors = {
      image: floats(
        [1, 1, side, side],
        Array.from({ length: side * side }, () => 1),
      ),
    }
    const run: Run = async (inputs) => {
      const { level } = await model(inputs)
      return { ...(level && { level }), ...(map && { activation: map }) }
    }
    await expect(explained(contract, run, tensors)).rejects.toMatchObject({
      code: 'contract_output_invalid',
      about: 'explanation.map',
    })
  })
})
