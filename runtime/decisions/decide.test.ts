import { describe, expect, it } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { silentLog } from '../../device/platform/log.ts'
import { Phi } from '../../device/platform/phi.ts'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { NOW_MS, spotContract, spotObservations } from '../../models/contract/testkit/contracts.ts'
import { packModel } from '../../models/package/pack.ts'
import { sampleDraft } from '../../models/package/testkit/sample-draft.ts'
import type { Principal } from '../access/principal.ts'
import type { AuditPosition, Evidence } from '../audit/types.ts'
import { InferenceError } from '../inference/errors.ts'
import type { ModelWorker, RunOrder } from '../inference/types.ts'
import { StorageError } from '../storage/errors.ts'
import { type DecisionRoom, decide } from './decide.ts'
import { SlotRegistry } from './slot-registry.ts'
import type { ActiveModel, DecisionRecord, DecisionRequest } from './types.ts'

const caller: Principal = { clientId: 'monitor-1', role: 'bedside', fingerprint: '0'.repeat(64), strength: 'mtls' }
const draft = sampleDraft()
const { manifest } = packModel({ ...draft, manifest: { ...draft.manifest, contract: spotContract } }, systemRandomness)

const float = (...data: number[]) => ({
  dtype: 'float32' as const,
  dims: [1, data.length],
  data: new Float32Array(data),
})
const scored: Tensors = { aggregate: float(6), band: float(1), points: float(3, 1, 2, 0) }

interface Bench {
  readonly room: DecisionRoom
  readonly written: Evidence[]
  readonly order: string[]
  readonly clock: FakeClock
  onRun: (inputs: Tensors, deadlineMs: number, client?: string, order?: RunOrder) => Promise<Tensors>
  onCommit: () => Promise<void>
  onLastAlert: () => ReturnType<DecisionRoom['alerts']['lastAlert']>
}

function bench(): Bench {
  const clock = new FakeClock(NOW_MS)
  const written: Evidence[] = []
  const order: string[] = []
  const made: Bench = {
    written,
    order,
    clock,
    onRun: async () => scored,
    onCommit: async () => {},
    onLastAlert: () => undefined,
    room: {
      models: new SlotRegistry([
        ['sample', { state: 'active', model: activeModel((...asked) => made.onRun(...asked)) }],
        ['broken', { state: 'unavailable', fault: 'package_hash_mismatch' }],
      ]),
      ledger: {
        commit: async (evidence: Evidence): Promise<AuditPosition> => {
          order.push('commit')
          await made.onCommit()
          order.push('durable')
          written.push(evidence)
          return { origin: 'test', leafIndex: written.length - 1, leafHash: 'f'.repeat(64) }
        },
      },
      subjects: { open: () => ({ pseudonym: 'P-0000-0000' }) },
      alerts: { lastAlert: () => made.onLastAlert() },
      clock,
      log: silentLog,
      newId: () => '00000000-0000-4000-8000-000000000000',
    },
  }
  return made
}

function activeModel(run: ModelWorker['run']): ActiveModel {
  const isolation = { level: 'plain', networkIsolated: false, memoryLimitBytes: null, reason: 'test' } as const
  const status = {
    state: 'ready',
    pid: 1,
    restarts: 0,
    lastFailure: undefined,
    isolation,
    provider: undefined,
  } as const
  const worker: ModelWorker = {
    ready: async () => ({ provider: 'cpu', runtime: 'test', threads: 1, nodes: null, passedOver: [] }),
    run,
    status: () => status,
    stop: async () => {},
  }
  return { slot: 'sample', manifest, packageHash: 'a'.repeat(64), worker, explanationMs: 0 }
}

const request = (changes: Partial<DecisionRequest> = {}): DecisionRequest => ({
  model: 'sample',
  subject: new Phi('subject-1'),
  purpose: 'demonstration',
  inputs: spotObservations(),
  ...changes,
})

const recordOf = (evidence: Evidence | undefined) => evidence?.body?.content as unknown as DecisionRecord

describe('decide', () => {
  it('answers only after the evidence is durable', async () => {
    const { room, order } = bench()
    await decide(request(), caller, room)
    order.push('answered')
    expect(order).toEqual(['commit', 'durable', 'answered'])
  })

  it('answers nothing when the evidence cannot be written', async () => {
    const made = bench()
    made.onCommit = () => Promise.reject(new StorageError('storage_full'))
    await expect(decide(request(), caller, made.room)).rejects.toMatchObject({ code: 'storage_full' })
    expect(made.written).toEqual([])
  })

  it('records what was sent, what was used, what came out and who asked, under the subject alone', async () => {
    const { room, written } = bench()
    const { decision } = await decide(request(), caller, room)
    const [evidence] = written
    expect(recordOf(evidence)).toMatchObject({
      subject: 'subject-1',
      requester: caller,
      decision,
      observations: spotObservations(),
    })
    expect(recordOf(evidence).features['respiration-rate']).toEqual([{ value: 18, ageMinutes: 5 }])
    expect(JSON.stringify(evidence?.leaf)).not.toContain('subject-1')
    expect(JSON.stringify(evidence?.outbound)).not.toContain('subject-1')
    expect(evidence?.leaf).toMatchObject({ kind: 'decision', outcome: 'scored', client: 'monitor-1', role: 'bedside' })
    expect(evidence?.outbound).toMatchObject({ result: 'elevated', alert: true, model: manifest.modelId })
  })

  it('asks the model as urgently as the caller may, and tells it when the caller has left', async () => {
    const made = bench()
    const asked: (RunOrder | undefined)[] = []
    made.onRun = async (_inputs, _deadlineMs, _client, order) => {
      asked.push(order)
      return scored
    }
    const left = new AbortController()
    await decide(request({ signal: left.signal }), caller, made.room)
    await decide(request({ priority: 'batch' }), caller, made.room)
    await decide(request({ priority: 'bedside' }), { ...caller, role: 'clinician' }, made.room)
    expect(asked[0]?.signal).toBe(left.signal)
    expect(asked.map((order) => order?.priority)).toEqual(['bedside', 'batch', 'reading-room'])
  })

  it('waits for the model no longer than whoever asks, and says when to come again where that is known', async () => {
    const made = bench()
    const deadlines: number[] = []
    made.onRun = (_inputs, deadlineMs) => {
      deadlines.push(deadlineMs - made.clock.monotonicMs())
      return Promise.reject(new InferenceError('inference_overloaded', { retryAfterMs: 4000 }))
    }
    const { retryAfterMs } = await decide(request({ timeoutMs: 7 }), caller, made.room)
    await decide(request({ timeoutMs: 1e9 }), caller, made.room)
    expect(deadlines).toEqual([7, spotContract.deadlineMs])
    expect(retryAfterMs).toBe(4000)
    expect(JSON.stringify(made.written)).not.toContain('retryAfterMs')
  })

  it('counts the time in the queue apart from the time of the model', async () => {
    const made = bench()
    made.onRun = async (_inputs, _deadlineMs, _client, order) => {
      made.clock.advance(5)
      order?.begun?.(1)
      made.clock.advance(3)
      return scored
    }
    const { decision } = await decide(request(), caller, made.room)
    expect(decision.timings).toMatchObject({ queueUs: 5000, inferUs: 3000 })
  })

  it('says with how many others the run was that answered, and records nothing of it', async () => {
    const made = bench()
    made.onRun = async (_inputs, _deadlineMs, _client, order) => {
      made.clock.advance(5)
      order?.begun?.(4)
      made.clock.advance(3)
      // Its process was lost, and it is asked again.
      order?.begun?.(2)
      made.clock.advance(1)
      return scored
    }
    const { decision, batchSize } = await decide(request(), caller, made.room)
    expect(batchSize).toBe(2)
    expect(decision.timings).toMatchObject({ queueUs: 5000, inferUs: 4000 })
    expect(JSON.stringify(made.written)).not.toContain('batchSize')
  })

  it('records a caller who left before the model had answered as a refusal, and says no result', async () => {
    const made = bench()
    made.onRun = () => Promise.reject(new InferenceError('inference_cancelled'))
    const { decision } = await decide(request(), caller, made.room)
    expect(decision).toMatchObject({ outcome: 'refused', refusal: { code: 'inference_cancelled' }, assessment: null })
    expect(recordOf(made.written[0]).decision).toEqual(decision)
  })

  it('holds for as long as the contract says', async () => {
    const { room } = bench()
    const { decision } = await decide(request(), caller, room)
    expect(Date.parse(decision.validUntil ?? '') - Date.parse(decision.decidedAt)).toBe(
      spotContract.validityMinutes * 60_000,
    )
  })

  it('gives the worker the contract deadline, counted from the arrival', async () => {
    const made = bench()
    const deadlines: number[] = []
    made.clock.advance(500)
    made.onRun = async (_inputs, deadlineMs) => {
      deadlines.push(deadlineMs)
      return scored
    }
    await decide(request(), caller, made.room)
    expect(deadlines).toEqual([500 + spotContract.deadlineMs])
  })

  it('says with every answer, result or refusal, that it is advisory and by which package it was made', async () => {
    const { room } = bench()
    for (const inputs of [spotObservations(), { ...spotObservations(), oxygen: [] }]) {
      const { decision } = await decide(request({ inputs }), caller, room)
      expect(decision.advisory).toMatch(/^Advisory only/)
      expect(decision.model).toMatchObject({
        id: manifest.modelId,
        version: manifest.version,
        packageHash: 'a'.repeat(64),
      })
    }
  })

  it('takes no observation for fresh that a clock set back or forward makes so, and keeps its deadline', async () => {
    const made = bench()
    const deadlines: number[] = []
    made.onRun = async (_inputs, deadlineMs) => {
      deadlines.push(deadlineMs)
      return scored
    }
    made.clock.jumpMs(-3_600_000)
    expect((await decide(request(), caller, made.room)).decision.refusal?.code).toBe('input_in_future')
    made.clock.jumpMs(2 * 3_600_000)
    expect((await decide(request(), caller, made.room)).decision.refusal?.code).toBe('input_stale')
    made.clock.jumpMs(-3_600_000)
    expect((await decide(request(), caller, made.room)).decision.outcome).toBe('scored')
    expect(deadlines).toEqual([spotContract.deadlineMs])
  })

  it('answers without explanation, and says why, where the box is slower than the package allows', async () => {
    const made = bench()
    const slot = made.room.models.slots.get('sample')
    const spec = {
      method: 'exact-shapley',
      output: 'aggregate',
      tensor: 'parameters',
      groups: [],
      baseline: [],
      budgetMs: 10,
    } as const
    const contract = { ...spotContract, explanation: { ...spec, groups: [], baseline: [] } }
    if (slot?.state !== 'active') expect.fail('no model')
    const slow = { ...slot.model, manifest: { ...manifest, contract }, explanationMs: 11 }
    const room = { ...made.room, models: new SlotRegistry([['sample', { state: 'active', model: slow }]]) }
    const { decision } = await decide(request(), caller, room)
    expect(decision).toMatchObject({
      outcome: 'scored',
      explanation: { method: 'none', reason: expect.stringContaining('longer') },
    })
  })

  it.each([
    ['a missing input', () => ({ inputs: { ...spotObservations(), oxygen: [] } }), 'input_missing'],
    [
      'an unknown input',
      () => ({ inputs: { ...spotObservations(), gcs: [{ value: 15, unit: '1', atMs: NOW_MS }] } }),
      'input_unknown',
    ],
    [
      'a value that is not a number',
      () => ({ inputs: { ...spotObservations(), temperature: [{ value: Number.NaN, unit: 'Cel', atMs: NOW_MS }] } }),
      'input_not_finite',
    ],
    [
      'a child',
      () => ({ inputs: { ...spotObservations(), age: [{ value: 9, unit: 'a', atMs: NOW_MS }] } }),
      'population_excluded',
    ],
  ])('answers %s with a recorded refusal and asks the model nothing', async (_what, changes, code) => {
    const made = bench()
    made.onRun = () => Promise.reject(new TypeError('the model must not run'))
    const { decision, audit } = await decide(request(changes()), caller, made.room)
    expect(decision.refusal?.code).toBe(code)
    expect([decision.outcome, decision.assessment, decision.validUntil]).toEqual(['refused', null, null])
    expect(audit.leafIndex).toBe(0)
    expect(made.written[0]?.leaf).toMatchObject({ outcome: code })
    expect(made.written[0]?.outbound).toMatchObject({ result: 'refused', alert: false })
  })

  it('answers a worker that failed with a recorded refusal', async () => {
    const made = bench()
    made.onRun = () => Promise.reject(new InferenceError('inference_deadline'))
    const { decision } = await decide(request(), caller, made.room)
    expect(decision.refusal?.code).toBe('inference_deadline')
    expect(made.written).toHaveLength(1)
  })

  it('answers an output that the contract forbids with a recorded refusal, never with the number', async () => {
    const made = bench()
    made.onRun = async () => ({ ...scored, aggregate: float(21) })
    const { decision } = await decide(request(), caller, made.room)
    expect(decision.refusal?.code).toBe('contract_output_invalid')
    expect(JSON.stringify(decision)).not.toContain('21,')
  })

  it('does not take a fault of its own for a refusal', async () => {
    const made = bench()
    made.onRun = () => Promise.reject(new TypeError('a bug'))
    await expect(decide(request(), caller, made.room)).rejects.toThrow(TypeError)
    expect(made.written).toEqual([])
  })

  it('knows no model that is not there and uses none that is broken', async () => {
    const { room } = bench()
    await expect(decide(request({ model: 'other' }), caller, room)).rejects.toMatchObject({ code: 'model_unknown' })
    const broken = decide(request({ model: 'broken' }), caller, room)
    await expect(broken).rejects.toMatchObject({ code: 'model_unavailable', about: 'package_hash_mismatch' })
  })

  it('asks the policy again, whatever the adapter did', async () => {
    const { room, written } = bench()
    const engineer: Principal = { ...caller, role: 'engineer' }
    await expect(decide(request(), engineer, room)).rejects.toMatchObject({ code: 'access_denied' })
    expect(written).toEqual([])
  })
})

describe('an alert that stands', () => {
  const aggregate = (value: number): Tensors => ({ ...scored, aggregate: float(value), points: float(value, 0, 0, 0) })
  const decided = async (value: number, last: { alert: boolean; at: string } | undefined) => {
    const made = bench()
    made.onRun = async () => aggregate(value)
    made.onLastAlert = () => last
    const { decision } = await decide(request(), caller, made.room)
    return { alert: decision.assessment?.alert, leaf: made.written[0]?.leaf, words: decision.narrative }
  }
  const at = new Date(NOW_MS - 30 * 60_000).toISOString()

  it('is in the answer and in the leaf, and says so', async () => {
    expect(await decided(4, { alert: true, at })).toMatchObject({
      alert: true,
      leaf: { alert: 'yes' },
      words: expect.stringContaining('The alert stands until it is below 4.'),
    })
  })

  it('does not begin below alertAt, and ends below clearBelow', async () => {
    expect(await decided(4, { alert: false, at })).toMatchObject({ alert: false, leaf: { alert: 'no' } })
    expect(await decided(4, undefined)).toMatchObject({ alert: false })
    expect(await decided(3, { alert: true, at })).toMatchObject({ alert: false })
    expect(await decided(4, { alert: true, at: new Date(NOW_MS - 3 * 3_600_000).toISOString() })).toMatchObject({
      alert: false,
    })
  })
})

describe('the words of a decision', () => {
  it('name what contributed most, in order, and what was taken by default', async () => {
    const { room } = bench()
    const { decision } = await decide(request(), caller, room)
    expect(decision.narrative).toMatch(
      /respiration-rate contributed 3, On oxygen contributed 2 and temperature contributed 1 to the score\./,
    )
    expect(decision.narrative).toContain('Prescribed scale: not sent, the documented default was taken.')
  })
})
