import { describe, expect, it } from 'vitest'
import { floatRows, runModel } from '../onnx/testkit/run-model.ts'
import { seededRandom } from '../synthetic/seeded-random.ts'
import { news2Model } from './graph.ts'
import { chartBand, chartPoints, type Observed } from './testkit/published-chart.ts'

const model = news2Model('0.0.0')
const well: Observed = {
  respiratoryRate: 16,
  saturation: 97,
  scale: 1,
  onOxygen: false,
  systolic: 120,
  pulse: 70,
  consciousness: 'A',
  temperatureTenths: 370,
}
const levels = ['A', 'C', 'V', 'P', 'U'] as const

function rowOf(observed: Observed): number[] {
  return [
    observed.respiratoryRate,
    observed.saturation,
    observed.scale - 1,
    observed.onOxygen ? 1 : 0,
    observed.systolic,
    observed.pulse,
    levels.indexOf(observed.consciousness),
    observed.temperatureTenths / 10,
  ]
}

/** What the graph says of each, as [aggregate, single three, band, ...points]. */
async function graphSays(observed: readonly Observed[]): Promise<string[]> {
  const outputs = await runModel(model, { vitals: floatRows(observed.map(rowOf)) })
  const cell = (name: string, at: number) => outputs[name]?.data[at]
  return observed.map((_, row) => {
    const points = Array.from({ length: 7 }, (_unused, at) => cell('points', row * 7 + at))
    return [cell('aggregate', row), cell('single-three', row), cell('band', row), ...points].join(' ')
  })
}

function chartSays(observed: Observed): string {
  const points = chartPoints(observed)
  const total = points.reduce((sum, value) => sum + value, 0)
  return [total, points.includes(3) ? 1 : 0, chartBand(points), ...points].join(' ')
}

function range(low: number, high: number): number[] {
  return Array.from({ length: high - low + 1 }, (_, index) => low + index)
}

async function expectAgreement(observed: readonly Observed[]): Promise<void> {
  const graph = await graphSays(observed)
  const differing = observed.filter((each, index) => graph[index] !== chartSays(each))
  expect(differing.slice(0, 5)).toEqual([])
}

describe('NEWS2 graph', () => {
  it('agrees with the published chart over the whole range of each parameter', async () => {
    const scales = [1, 2] as const
    await expectAgreement([
      ...range(0, 100).map((respiratoryRate) => ({ ...well, respiratoryRate })),
      ...range(20, 100).flatMap((saturation) =>
        scales.flatMap((scale) => [false, true].map((onOxygen) => ({ ...well, saturation, scale, onOxygen }))),
      ),
      ...range(20, 350).map((systolic) => ({ ...well, systolic })),
      ...range(10, 350).map((pulse) => ({ ...well, pulse })),
      ...levels.map((consciousness) => ({ ...well, consciousness })),
      ...range(130, 465).map((temperatureTenths) => ({ ...well, temperatureTenths })),
    ])
  })

  it('agrees for every combination of bands', async () => {
    const observed = [5, 10, 16, 22, 30].flatMap((respiratoryRate) =>
      [80, 84, 86, 90, 93, 95, 98].flatMap((saturation) =>
        ([1, 2] as const).flatMap((scale) =>
          [false, true].flatMap((onOxygen) =>
            [80, 95, 105, 150, 230].flatMap((systolic) =>
              [30, 45, 70, 100, 120, 150].flatMap((pulse) =>
                (['A', 'C'] as const).flatMap((consciousness) =>
                  [340, 355, 370, 385, 400].map((temperatureTenths) => ({
                    ...{ respiratoryRate, saturation, scale, onOxygen },
                    ...{ systolic, pulse, consciousness, temperatureTenths },
                  })),
                ),
              ),
            ),
          ),
        ),
      ),
    )
    await expectAgreement(observed)
  })

  it('agrees for fifty thousand combinations drawn at random', async () => {
    const random = seededRandom(2017)
    const draw = (low: number, high: number) => low + random.integer(high - low + 1)
    const observed = Array.from(
      { length: 50_000 },
      (): Observed => ({
        respiratoryRate: draw(4, 36),
        saturation: draw(78, 100),
        scale: random.integer(2) === 0 ? 1 : 2,
        onOxygen: random.integer(2) === 1,
        systolic: draw(70, 240),
        pulse: draw(30, 150),
        consciousness: levels[random.integer(levels.length)] ?? 'A',
        temperatureTenths: draw(330, 410),
      }),
    )
    await expectAgreement(observed)
  })

  it('would notice a wrong point: the chart itself tells neighbouring values apart', () => {
    expect(chartSays({ ...well, pulse: 90 })).not.toBe(chartSays({ ...well, pulse: 91 }))
    expect(chartSays({ ...well, temperatureTenths: 350 })).not.toBe(chartSays({ ...well, temperatureTenths: 351 }))
  })
})
