import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { decisionBody } from '../demo/cases.ts'
import type { ApiClient } from '../demo/client.ts'
import { guard } from '../models/contract/guard.ts'
import { preprocess } from '../models/contract/preprocess.ts'
import type { Tensors } from '../models/contract/tensor.ts'
import type { PackageDraft } from '../models/package/pack.ts'
import { observationsAt } from '../models/sepsis-risk/hourly.ts'
import { syntheticPatients } from '../models/synthetic/patients.ts'
import type { ModelSummary } from '../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../runtime/decisions/types.ts'
import { type Latency, measureLatency } from './statistics.ts'

export interface LatencyResult {
  readonly model: string
  readonly concurrency: number
  readonly bare: Latency
  readonly decision: Latency
  /** decision p50 − bare p50. */
  readonly addedP50Ms: number
  readonly addedP99Ms: number
  /** Median of each lap inside the runtime, in microseconds. */
  readonly laps: Readonly<Record<string, number>>
}

/**
 * Decision latency over mTLS beside bare `session.run` of the same model file and the same input in this process, in
 * alternating rounds so that a machine that slows down slows both.
 */
export async function measureDecisions(
  draft: PackageDraft,
  model: ModelSummary,
  client: ApiClient,
  concurrency: number,
  count: number,
): Promise<LatencyResult> {
  const patient = scoredPatient(draft)
  const bareRun = await bareSession(draft, patient)
  const body = () => decisionBody({ subject: 'bench', rows: patient.rows }, patient.rows.length - 1, model, Date.now())
  const laps = new Map<string, number[]>()
  const decide = async () => {
    const { status, body: answer } = await client.post('/v1/decisions', body())
    if (status !== 200) throw new TypeError(`the bench got status ${status}`)
    for (const [name, us] of Object.entries((answer as DecisionAnswer).decision.timings))
      laps.set(name, [...(laps.get(name) ?? []), us])
  }
  await measureLatency(50, concurrency, bareRun)
  await measureLatency(50, concurrency, decide)
  laps.clear()
  const bare: Latency[] = []
  const decision: Latency[] = []
  for (let round = 0; round < 5; round++) {
    bare.push(await measureLatency(Math.ceil(count / 5), concurrency, bareRun))
    decision.push(await measureLatency(Math.ceil(count / 5), concurrency, decide))
  }
  const [bareMedian, decisionMedian] = [medianOf(bare), medianOf(decision)]
  return {
    model: model.slot,
    concurrency,
    bare: bareMedian,
    decision: decisionMedian,
    addedP50Ms: decisionMedian.p50Ms - bareMedian.p50Ms,
    addedP99Ms: decisionMedian.p99Ms - bareMedian.p99Ms,
    laps: Object.fromEntries([...laps].map(([name, values]) => [name, median(values)])),
  }
}

type BenchPatient = ReturnType<typeof syntheticPatients>[number]

/** A made-up patient whose inputs the contract accepts. */
function scoredPatient(draft: PackageDraft): BenchPatient {
  for (const patient of syntheticPatients(99, 20)) {
    try {
      tensorsFor(draft, patient)
      return patient
    } catch {
      // This one would be refused; the next may not.
    }
  }
  throw new TypeError('no made-up patient passes the contract')
}

function tensorsFor({ manifest: { contract } }: PackageDraft, { rows }: BenchPatient): Tensors {
  const nowMs = Date.now()
  const names = contract.inputs.map(({ name }) => name)
  const observed = observationsAt(rows, rows.length - 1, names, nowMs, 48)
  const single = (name: string) => contract.inputs.some((input) => input.name === name && !input.series)
  const inputs = Object.entries(observed).map(([name, all]) => [name, single(name) ? all.slice(-1) : all])
  return preprocess(guard(Object.fromEntries(inputs), contract, nowMs), contract, nowMs)
}

async function bareSession(draft: PackageDraft, patient: BenchPatient): Promise<() => Promise<unknown>> {
  const file = draft.files.find(({ role }) => role === 'model')
  const session = await InferenceSession.create(Buffer.from(file?.content ?? []), {
    intraOpNumThreads: 1,
    executionMode: 'sequential',
  })
  const feeds = Object.entries(tensorsFor(draft, patient)).map(([name, { data, dims }]) => [
    name,
    new OrtTensor('float32', data as Float32Array, dims),
  ])
  return () => session.run(Object.fromEntries(feeds))
}

function medianOf(rounds: readonly Latency[]): Latency {
  const of = (key: keyof Latency) => median(rounds.map((round) => round[key]))
  return { p50Ms: of('p50Ms'), p99Ms: of('p99Ms'), perSecond: of('perSecond') }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
