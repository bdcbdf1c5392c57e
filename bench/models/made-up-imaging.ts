import { GraphBuilder } from '../../models/onnx/graph-builder.ts'
import { seededRandom } from '../../models/synthetic/seeded-random.ts'
import type { BenchModel } from '../bench-model.ts'
import { drawnTensor } from './outside.ts'
import { tensorModel } from './tensor.ts'

const SIDE = 224
/** Channels of each layer; the first halves the image, and so does every second one after it. */
const CHANNELS = [3, 32, 32, 64, 64, 128, 128]
const CLASSES = 8

/** A network of convolutions with drawn weights: it means nothing, and takes the time of a small image classifier. */
export function madeUpImaging(): Promise<BenchModel> {
  return tensorModel('made-up-imaging', imagingGraph(), drawnTensor([1, CHANNELS[0] ?? 3, SIDE, SIDE]))
}

function imagingGraph(): Uint8Array {
  const random = seededRandom(7)
  const graph = new GraphBuilder()
  const drawn = (count: number, spread: number) =>
    Array.from({ length: count }, () => spread * (random.uniform() - 0.5))
  let value = graph.input('pixels', [1, CHANNELS[0] ?? 3, SIDE, SIDE])
  for (const [layer, channels] of CHANNELS.slice(1).entries()) {
    const before = CHANNELS[layer] ?? 3
    const weights = graph.floats(`weights-${layer}`, [channels, before, 3, 3], drawn(channels * before * 9, 1 / before))
    const stride = layer % 2 === 0 ? 2 : 1
    const settings = { strides: { ints: [stride, stride] }, pads: { ints: [1, 1, 1, 1] } }
    value = graph.node(`relu-${layer}`, 'Relu', [graph.node(`conv-${layer}`, 'Conv', [value, weights], settings)])
  }
  const last = CHANNELS.at(-1) ?? 1
  const flat = graph.node('flat', 'Flatten', [graph.node('pooled', 'GlobalAveragePool', [value])])
  const scores = graph.node('scores', 'Gemm', [
    flat,
    graph.floats('classes', [last, CLASSES], drawn(last * CLASSES, 1)),
  ])
  graph.output(scores, [1, CLASSES])
  return graph.build({ name: 'made-up-imaging', producerVersion: '1.0.0', docString: 'Load for a measurement.' })
}
