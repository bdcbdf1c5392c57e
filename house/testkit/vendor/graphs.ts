import { GraphBuilder } from '../../../models/onnx/graph-builder.ts'

/** Models as a vendor might export them. They are made here, of a few numbers, so that what they say can be told beforehand. */

/** Rows and columns that the flat model takes. */
export const SIDE = 64
/** Weights of its two maps in what speaks for a spot. */
export const spotWeights = [150, -2] as const

/**
 * "Is there a spot?" `pixels` [N, 1, 64, 64] → `scores` [N, 2] (logits: none, spot) and `maps` [N, 2, 16, 16], whose mean the scores
 * are made of: the first map is where it is very bright, the second how bright it is at all.
 */
export function spotModel(): Uint8Array {
  const graph = new GraphBuilder()
  const pixels = graph.input('pixels', ['N', 1, SIDE, SIDE])
  const bell = [1, 3, 3, 1].flatMap((down) => [1, 3, 3, 1].map((right) => (down * right) / 64))
  const kernel = graph.floats('kernel', [2, 1, 4, 4], [...bell, ...bell])
  const bias = graph.floats('bias', [2], [0.8, 2])
  const seen = graph.node('seen', 'Conv', [pixels, kernel, bias], { strides: { ints: [4, 4] } })
  const maps = graph.node('maps', 'Relu', [seen])
  const pooled = graph.node('pooled', 'GlobalAveragePool', [maps])
  const flat = graph.node('flat', 'Flatten', [pooled])
  const weights = graph.floats('weights', [2, 2], [0, spotWeights[0], 0, spotWeights[1]])
  const scores = graph.node('scores', 'Gemm', [flat, weights])
  graph.output(scores, ['N', 2])
  graph.output(maps, ['N', 2, SIDE / 4, SIDE / 4])
  return graph.build({ name: 'spot', producerVersion: '1.0.0', docString: 'Says whether there is a bright spot.' })
}

/** Frames, rows and columns that the model of volumes takes. */
export const DEPTH = 16

/** "Air, tissue or bone?" `volume` [batch, 1, 16, 16, 16] from 0 to 1 → `classes` [batch, 3, 16, 16, 16], by thirds of brightness. */
export function tissueModel(): Uint8Array {
  const graph = new GraphBuilder()
  const size = [DEPTH, DEPTH, DEPTH]
  const volume = graph.input('volume', ['batch', 1, ...size])
  const kernel = graph.floats('kernel', [3, 1, 1, 1, 1], [0, 3, 6])
  const bias = graph.floats('bias', [3], [0, -1, -3])
  const classes = graph.node('classes', 'Conv', [volume, kernel, bias])
  graph.output(classes, ['batch', 3, ...size])
  return graph.build({ name: 'tissue', producerVersion: '1.0.0', docString: 'Says what is where.' })
}
