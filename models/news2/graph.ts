import { GraphBuilder, type Value } from '../onnx/graph-builder.ts'
import {
  consciousnessSteps,
  heartRateSteps,
  oxygenSaturationScale1Steps,
  oxygenSaturationScale2AirSteps,
  oxygenSaturationScale2OxygenSteps,
  respiratoryRateSteps,
  type StepTable,
  supplementalOxygenSteps,
  systolicPressureSteps,
  temperatureSteps,
  type VitalsColumn,
  vitalsColumns,
} from './table.ts'

/** Values of the output `band`. */
export const bands = { none: 0, low: 1, lowMedium: 2, medium: 3, high: 4 } as const

/**
 * NEWS2 as an ONNX model. Input `vitals` float32 [N, 8] (columns of table.ts); outputs float32: `points` [N, 7],
 * `aggregate`, `single-three` (0 or 1) and `band` [N, 1]. Small whole numbers only: exact in float32.
 */
export function news2Model(version: string): Uint8Array {
  const graph = new GraphBuilder()
  const vitals = cutColumns(graph)
  const points = graph.node(
    'points',
    'Concat',
    [
      steps(graph, 'respiratory-rate', vitals('respiratory-rate'), respiratoryRateSteps),
      oxygenSaturation(graph, vitals),
      steps(graph, 'supplemental-oxygen', vitals('supplemental-oxygen'), supplementalOxygenSteps),
      steps(graph, 'systolic-pressure', vitals('systolic-pressure'), systolicPressureSteps),
      steps(graph, 'heart-rate', vitals('heart-rate'), heartRateSteps),
      steps(graph, 'consciousness', vitals('consciousness'), consciousnessSteps),
      steps(graph, 'temperature', vitals('temperature'), temperatureSteps),
    ],
    { axis: { int: 1 } },
  )
  graph.output(points, ['N', 7])
  addSummary(graph, points)
  return graph.build({
    name: 'news2',
    producerVersion: version,
    docString: 'National Early Warning Score 2 (Royal College of Physicians, 2017)',
  })
}

/** The input's columns by name, each of shape [N, 1]. */
function cutColumns(graph: GraphBuilder): (name: VitalsColumn) => Value {
  const vitals = graph.input('vitals', ['N', vitalsColumns.length])
  const columns = new Map(
    vitalsColumns.map((name, index) => {
      const at = graph.integers(`${name}-index`, [index])
      return [name, graph.node(`${name}-value`, 'Gather', [vitals, at], { axis: { int: 1 } })]
    }),
  )
  return (name) => columns.get(name)!
}

/** Adds the change of points at each limit that the value exceeds: `from` + [value > limits] · changes, shape [N, 1]. */
function steps(graph: GraphBuilder, name: string, value: Value, table: StepTable): Value {
  const limits = table.steps.map((step) => step.over)
  const changes = table.steps.map((step, index) => step.points - (table.steps[index - 1]?.points ?? table.from))
  const isOver = graph.node(`${name}-is-over`, 'Greater', [
    value,
    graph.floats(`${name}-limits`, [1, limits.length], limits),
  ])
  const counted = graph.node(`${name}-counted`, 'Cast', [isOver], { to: { int: 1 } })
  const summed = graph.node(`${name}-summed`, 'MatMul', [
    counted,
    graph.floats(`${name}-changes`, [changes.length, 1], changes),
  ])
  return graph.node(`${name}-points`, 'Add', [summed, graph.floats(`${name}-from`, [1], [table.from])])
}

function oxygenSaturation(graph: GraphBuilder, vitals: (name: VitalsColumn) => Value): Value {
  const saturation = vitals('spo2')
  const half = graph.floats('half', [1], [0.5])
  const onScale2 = graph.node('is-scale-2', 'Greater', [vitals('spo2-scale'), half])
  const onOxygen = graph.node('is-on-oxygen', 'Greater', [vitals('supplemental-oxygen'), half])
  const scale1 = steps(graph, 'spo2-scale-1', saturation, oxygenSaturationScale1Steps)
  const air = steps(graph, 'spo2-scale-2-air', saturation, oxygenSaturationScale2AirSteps)
  const oxygen = steps(graph, 'spo2-scale-2-oxygen', saturation, oxygenSaturationScale2OxygenSteps)
  const scale2 = graph.node('spo2-scale-2', 'Where', [onOxygen, oxygen, air])
  return graph.node('spo2-points', 'Where', [onScale2, scale2, scale1])
}

/** Aggregate, single-parameter 3, and the highest band whose condition holds. */
function addSummary(graph: GraphBuilder, points: Value): void {
  const axis = graph.integers('parameter-axis', [1])
  const aggregate = graph.node('aggregate', 'ReduceSum', [points, axis], { keepdims: { int: 1 } })
  const highest = graph.node('highest', 'ReduceMax', [points, axis], { keepdims: { int: 1 } })
  const singleThree = isAbove(graph, 'single-three', highest, 2.5)
  const reached = [
    weigh(graph, 'low', isAbove(graph, 'is-low', aggregate, 0.5), bands.low),
    weigh(graph, 'low-medium', singleThree, bands.lowMedium),
    weigh(graph, 'medium', isAbove(graph, 'is-medium', aggregate, 4.5), bands.medium),
    weigh(graph, 'high', isAbove(graph, 'is-high', aggregate, 6.5), bands.high),
  ]
  graph.output(aggregate, ['N', 1])
  graph.output(singleThree, ['N', 1])
  graph.output(graph.node('band', 'Max', reached), ['N', 1])
}

function isAbove(graph: GraphBuilder, name: string, value: Value, limit: number): Value {
  const isOver = graph.node(`${name}-is-over`, 'Greater', [value, graph.floats(`${name}-limit`, [1], [limit])])
  return graph.node(name, 'Cast', [isOver], { to: { int: 1 } })
}

function weigh(graph: GraphBuilder, name: string, flag: Value, value: number): Value {
  return graph.node(`band-${name}`, 'Mul', [flag, graph.floats(`band-${name}-value`, [1], [value])])
}
