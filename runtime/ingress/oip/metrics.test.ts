import { spawnSync } from 'node:child_process'
import { beforeEach, describe, expect, it } from 'vitest'
import { Phi } from '../../../device/platform/phi.ts'
import { FakeClock } from '../../../device/testkit/fake-clock.ts'
import { spotContract, spotObservations } from '../../../models/contract/testkit/contracts.ts'
import { monitor } from '../../decisions/testkit/record-box.ts'
import { InferenceError } from '../../inference/errors.ts'
import { applianceMetrics, inferenceMetrics, type MetricFamily, readProcessFacts, writeMetrics } from './metrics.ts'
import { statisticsAnswer } from './statistics-answer.ts'
import { fullBox, type OipBox, spotTensors, withContract } from './testkit/oip-box.ts'

const NOW_MS = Date.UTC(2026, 0, 5)
let clock: FakeClock
let box: OipBox

beforeEach(() => {
  clock = new FakeClock(NOW_MS)
  box = fullBox(clock)
})

const decide = (model = 'spot') =>
  box.decisions.decide(
    { model, subject: new Phi('example-1'), purpose: 'quality', inputs: spotObservations(NOW_MS) },
    monitor,
  )
const families = (): MetricFamily[] => [
  ...inferenceMetrics(box.statistics.tallies()),
  ...applianceMetrics(box.decisions.health(), readProcessFacts(NOW_MS)),
]
const sample = (name: string, labels: Readonly<Record<string, string>> = { model: 'spot', version: '1.0.0' }) =>
  families()
    .find((family) => family.name === name)
    ?.samples.find((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value))?.value

/** Exit code and words of Debian's checker. */
function promtool(text: string): { code: number | null; faults: string[] } {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  return { code: status, faults: `${stdout}${stderr}`.split('\n').filter((line) => line !== '') }
}

describe('what is counted', () => {
  it('is each decision, whichever protocol asked, and the time that it took', async () => {
    box.serve('spot', withContract(spotContract), async () => {
      clock.advance(40)
      return spotTensors
    })
    box.onCommit = async () => clock.advance(5)
    await decide()
    await decide()
    expect(sample('nv_inference_request_success')).toBe(2)
    expect(sample('nv_inference_count')).toBe(2)
    expect(sample('nv_inference_exec_count')).toBe(2)
    expect(sample('nv_inference_request_duration_us')).toBe(90_000)
    expect(sample('nv_inference_compute_infer_duration_us')).toBe(80_000)
    expect(sample('nv_inference_request_success', { model: 'hourly' })).toBe(0)
  })

  it.each<[InferenceError['code'], string]>([
    ['inference_overloaded', 'REJECTED'],
    ['inference_deadline', 'REJECTED'],
    ['inference_worker_lost', 'BACKEND'],
    ['inference_load_failed', 'OTHER'],
  ])('%s is a failure of the kind %s', async (code, reason) => {
    box.serve('spot', withContract(spotContract), () => Promise.reject(new InferenceError(code)))
    await decide()
    expect(sample('nv_inference_request_failure', { model: 'spot', reason })).toBe(1)
    expect(sample('nv_inference_request_success')).toBe(0)
  })

  it('is what is in work, to its end', async () => {
    const { promise, resolve } = Promise.withResolvers<typeof spotTensors>()
    box.serve('spot', withContract(spotContract), () => promise)
    const both = [decide(), decide()]
    expect(sample('nv_inference_pending_request_count')).toBe(2)
    resolve(spotTensors)
    await Promise.all(both)
    expect(sample('nv_inference_pending_request_count')).toBe(0)
  })

  it('is a run for several where they went together, and each of them a decision', async () => {
    const sizes = [3, 3, 3, 2, 2, 1]
    box.serve('spot', withContract(spotContract), async (_inputs, _deadline, _client, order) => {
      order?.begun?.(5)
      // Asked again, with others: what counts is the run that answered.
      order?.begun?.(sizes.shift() ?? 1)
      clock.advance(6)
      return spotTensors
    })
    for (const _ of [...sizes]) await decide()
    expect(sample('nv_inference_count')).toBe(6)
    expect(sample('nv_inference_exec_count')).toBe(3)
    const [spot] = statisticsAnswer(box.statistics.tallies()).model_stats
    expect(spot).toMatchObject({ inference_count: 6, execution_count: 3 })
    const runs = spot?.batch_stats.map(({ batch_size, compute_infer }) => [batch_size, compute_infer])
    expect(runs).toEqual([
      [1, { count: 1, ns: 6_000_000 }],
      [2, { count: 1, ns: 6_000_000 }],
      [3, { count: 1, ns: 6_000_000 }],
    ])
  })

  it('goes on when a model is replaced, a version at a time', async () => {
    await decide()
    const { model } = box.registry.lease('spot')
    box.serve('spot', { ...model.manifest, version: '1.0.1' }, model.worker.run)
    await decide()
    expect(sample('nv_inference_count', { version: '1.0.0', model: 'spot' })).toBe(1)
    expect(sample('nv_inference_count', { version: '1.0.1', model: 'spot' })).toBe(1)
  })

  it('makes no row for a slot that does not exist', async () => {
    await expect(decide('none')).rejects.toMatchObject({ code: 'model_unknown' })
    await expect(decide('broken')).rejects.toMatchObject({ code: 'model_unavailable' })
    expect(box.statistics.tallies().map(({ slot }) => slot)).toEqual(['spot', 'hourly', 'identity'])
  })
})

describe('the text', () => {
  it('of our own metrics is clean by promtool', async () => {
    await decide()
    expect(promtool(writeMetrics(applianceMetrics(box.decisions.health(), readProcessFacts(NOW_MS))))).toEqual({
      code: 0,
      faults: [],
    })
  })

  it('with Triton’s metrics parses; what promtool says of their names is all that it says', async () => {
    await decide()
    const { faults, code } = promtool(writeMetrics(families()))
    // 3: there are remarks about names. 1 would be text that is no metrics.
    expect(code).toBe(3)
    const remark =
      /^(nv_inference_\w+) (counter metrics should have "_total" suffix|metric names should not contain abbreviated units|non-histogram and non-summary metrics should not have "_count" suffix)$/
    expect(faults.filter((fault) => !remark.test(fault))).toEqual([])
    expect(new Set(faults.map((fault) => fault.split(' ')[0]))).toEqual(
      new Set(inferenceMetrics(box.statistics.tallies()).map(({ name }) => name)),
    )
  })

  it('escapes what a label may hold', () => {
    const odd = { name: 'x', type: 'gauge', help: 'x', samples: [{ labels: { a: 'q"b\\c\nd' }, value: 1 }] } as const
    expect(writeMetrics([odd])).toBe('# HELP x x\n# TYPE x gauge\nx{a="q\\"b\\\\c\\nd"} 1\n')
    expect(promtool(writeMetrics([odd])).code).toBe(0)
  })

  it('says nothing of a family without a sample', () => {
    expect(writeMetrics([{ name: 'x', type: 'gauge', help: 'x', samples: [] }])).toBe('')
  })
})
