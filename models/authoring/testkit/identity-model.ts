import { elementTypeNames } from '../../contract/tensor.ts'
import { GraphBuilder } from '../../onnx/graph-builder.ts'

/** A model that says what it is told, for every type that a contract can name: `in-int8` → `out-int8`, up to four numbers. */
export function identityModel(): Uint8Array {
  const graph = new GraphBuilder()
  for (const dtype of elementTypeNames) {
    const input = graph.input(`in-${dtype}`, ['N'], dtype)
    graph.output(graph.node(`out-${dtype}`, 'Identity', [input]), ['N'], dtype)
  }
  return graph.build({ name: 'identity', producerVersion: '1.0.0', docString: 'Says what it is told.' })
}
