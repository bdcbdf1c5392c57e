import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import { outputSteps } from '../../models/contract/output-ops/output-steps.ts'
import { postprocess } from '../../models/contract/postprocess.ts'
import type { Contract } from '../../models/contract/schema.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { changed } from '../../models/contract/testkit/contracts.ts'
import { floats as constants, FLOAT, model, node, port } from '../inference/testkit/onnx-bytes.ts'
import { inMs, startTrial } from '../inference/testkit/trial-worker.ts'
import { explain } from './explain.ts'
import { judgeDependence, probeExplanation } from './randomisation-check.ts'
import { imageFacts } from './testkit/image-bench.ts'
import { activation, floats, imageContract, occlusion } from './testkit/image-contracts.ts'

const SIZE = 8
/** A filter for bright spots and one for edges from left to right; the class speaks for the first and against the second. */
const filters = [
  [0, 0.25, 0, 0.25, 0.5, 0.25, 0, 0.25, 0],
  [-0.5, 0, 0.5, -1, 0, 1, -0.5, 0, 0.5],
]
const classWeights = [2, -0.25]

/** Convolution, ReLU, mean over the image, one logit: the kind of network that activation maps were made for. */
const network = model({
  nodes: [
    node('Conv', ['image', 'filters'], ['convolved']),
    node('Relu', ['convolved'], ['features']),
    node('GlobalAveragePool', ['features'], ['means']),
    node('Flatten', ['means'], ['flat']),
    node('MatMul', ['flat', 'weights'], ['logit']),
  ],
  constants: [constants('filters', [2, 1, 3, 3], filters.flat()), constants('weights', [2, 1], classWeights)],
  inputs: [port('image', FLOAT, ['N', 1, SIZE, SIZE])],
  outputs: [port('logit', FLOAT, ['N', 1]), port('features', FLOAT, ['N', 2, SIZE - 2, SIZE - 2])],
})

function contractWith(explanation: Contract['explanation']): Contract {
  const contract = imageContract(explanation, 'NCHW', SIZE)
  return changed(contract, {
    postprocessing: [
      {
        op: 'class-activation-map',
        version: 1,
        from: 'features',
        to: 'activation',
        weights: classWeights,
        relu: false,
      },
    ],
    outputs: contract.outputs.map((output) => ({ ...output, tensor: 'logit' })),
  })
}

/** Dark, but for a spot about (5, 2): row, column. */
const pixels = Array.from({ length: SIZE * SIZE }, (_, index) => {
  const [row, column] = [Math.floor(index / SIZE), index % SIZE]
  return 0.05 + Math.exp(-((row - 5) ** 2 + (column - 2) ** 2))
})
const tensors: Tensors = { image: floats([1, 1, SIZE, SIZE], pixels) }

/** The map as its definition says it, from the pixels alone. */
function mapByHand(): number[] {
  const side = SIZE - 2
  return Array.from({ length: side * side }, (_, place) => {
    const [row, column] = [Math.floor(place / side), place % side]
    const features = filters.map((filter) => {
      const sum = filter.reduce((total, weight, index) => {
        const pixel = pixels[(row + Math.floor(index / 3)) * SIZE + column + (index % 3)] ?? 0
        return total + weight * pixel
      }, 0)
      return Math.max(0, sum)
    })
    return features.reduce((total, feature, index) => total + feature * (classWeights[index] ?? 0), 0)
  })
}

const mapped = contractWith(activation)
const trial = startTrial(network, { outputSteps: outputSteps(mapped) })
afterAll(() => trial[Symbol.asyncDispose]())
const run = (inputs: Tensors) => trial.worker.run(inputs, inMs(10_000))

async function explained(contract: Contract) {
  return explain(postprocess(await run(tensors), contract), tensors, contract, run)
}

describe('a network in its worker', () => {
  it('has the activation map of its definition, which covering bears out', async () => {
    const { map, deletion, residual } = await explained(mapped)
    const byHand = mapByHand()
    expect(map).toMatchObject({ rows: 6, columns: 6, rowEdges: [0, 1, 2, 4, 5, 6, 8] })
    expect(map?.values).toEqual(byHand.map((value) => expect.closeTo(value, 5)))
    expect(Math.abs(residual)).toBeLessThan(1e-3)
    expect(deletion?.score).toBeLessThan(deletion?.random ?? Number.NaN)
  })

  it('is explained alike by covering, one image at a time or many', async () => {
    const grid = { ...occlusion, rows: 4, columns: 4 }
    const [one, many] = [await explained(contractWith(grid)), await explained(contractWith({ ...grid, batch: 8 }))]
    const { values = [] } = one.map ?? {}
    expect(values).toHaveLength(16)
    expect(many.map?.values).toEqual(values.map((value) => expect.closeTo(value, 5)))
    const largest = values.indexOf(Math.max(...values))
    // The spot is in the third row of places and the second column, or beside it as the grid is shifted.
    expect([2, 3]).toContain(Math.floor(largest / 4))
    expect([0, 1]).toContain(largest % 4)
    expect(one.deletion?.score).toBeLessThan(one.deletion?.random ?? Number.NaN)
  })

  it('with other parameters has other maps', async () => {
    const prepared = { facts: imageFacts(), prepared: { tensors } }
    const golden = {
      vectors: [{ name: 'spot', inputs: {}, expect: { outputs: { level: [0] }, alert: false }, prepared }],
    }
    const grid = contractWith({ ...occlusion, rows: 4, columns: 4 })
    await using other = startTrial(network, { outputSteps: outputSteps(mapped), randomised: 'all' })
    for (const contract of [mapped, grid]) {
      const own = await probeExplanation(golden, contract, trial.worker, systemClock)
      const randomised = await probeExplanation(golden, contract, other.worker, systemClock)
      expect(judgeDependence(own, randomised)).toBe('depends')
      expect(judgeDependence(own, own)).toBe('independent')
    }
  })
})
