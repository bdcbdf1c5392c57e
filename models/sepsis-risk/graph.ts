import { GraphBuilder, type Value } from '../onnx/graph-builder.ts'
import { featureColumns, sepsisInputs } from './inputs.ts'
import type { Layer, Network } from './network.ts'

/**
 * The sepsis score as an ONNX model: input `features` float32 [N, 20] in physical units (columns of inputs.ts), output
 * `probability` float32 [N, 1], before calibration. Scaling is part of the graph, so that an explanation may replace
 * columns by values a clinician can read.
 */
export function sepsisRiskModel(network: Network, version: string): Uint8Array {
  const graph = new GraphBuilder()
  const features = graph.input('features', ['N', featureColumns.length])
  const last = network.layers.length - 1
  const logit = network.layers.reduce<Value>(
    (values, layer, depth) => {
      const sums = dense(graph, `layer-${depth}`, values, layer)
      return depth < last ? graph.node(`layer-${depth}-rectified`, 'Relu', [sums]) : sums
    },
    standardise(graph, features, network),
  )
  graph.output(graph.node('probability', 'Sigmoid', [logit]), ['N', 1])
  return graph.build({
    name: 'sepsis-risk',
    producerVersion: version,
    docString: 'Probability of sepsis within six hours, from hourly vital signs and laboratory values. Research only.',
  })
}

/** (log or plain value − mean) / sd. The columns that stay plain pass a 1 through the logarithm, which is then dropped. */
function standardise(graph: GraphBuilder, features: Value, network: Network): Value {
  const width = featureColumns.length
  const logged = Uint8Array.from({ length: width }, (_, at) => (sepsisInputs[at]?.scale === 'logarithm' ? 1 : 0))
  const isLogged = graph.constant('is-logged', { dtype: 'bool', dims: [1, width], data: logged })
  const positive = graph.node('positive', 'Where', [isLogged, features, graph.floats('one', [1], [1])])
  const logarithm = graph.node('logarithm', 'Log', [positive])
  const scaled = graph.node('scaled', 'Where', [isLogged, logarithm, features])
  const centred = graph.node('centred', 'Sub', [scaled, graph.floats('mean', [1, width], network.mean)])
  return graph.node('standardised', 'Div', [centred, graph.floats('sd', [1, width], network.sd)])
}

function dense(graph: GraphBuilder, name: string, values: Value, { weights, bias }: Layer): Value {
  const size = [weights.length, weights[0]?.length ?? 0]
  return graph.node(
    name,
    'Gemm',
    [values, graph.floats(`${name}-weights`, size, weights.flat()), graph.floats(`${name}-bias`, [bias.length], bias)],
    { transB: { int: 1 } },
  )
}
