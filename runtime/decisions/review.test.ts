import { describe, expect, it } from 'vitest'
import { silentLog } from '../../device/platform/log.ts'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import type { Principal, Role } from '../access/principal.ts'
import type { Evidence } from '../audit/types.ts'
import { StorageError } from '../storage/errors.ts'
import { giveFeedback, type RecordStore, readDecision } from './review.ts'
import { SlotRegistry } from './slot-registry.ts'

const position = { origin: 'test', leafIndex: 1, leafHash: 'f'.repeat(64) }
const decision = { model: { id: 'sample' }, assessment: { alert: true }, flags: [], explanation: null }
const record = { kind: 'decision', decision, subject: 'subject-1', release: 3, observations: {}, features: {} }
const words = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    content: {
      kind: 'feedback',
      feedbackId: `f${index}`,
      decisionId: 'd1',
      verdict: 'accept',
      reason: 'seen',
      by: 'nurse-1',
      at: 'now',
    },
    position,
  }))

function room(feedback = 0) {
  const written: Evidence[] = []
  const store = {
    readBody: (id: string) => (id === 'd1' ? { content: record, position } : id === 'f0' ? words(1)[0] : undefined),
    feedbackOf: () => words(feedback),
  } as unknown as RecordStore
  const ledger = {
    failure: undefined as Error | undefined,
    commit: async (evidence: Evidence) => {
      if (ledger.failure !== undefined) throw ledger.failure
      written.push(evidence)
      return { ...position, leafIndex: 7 }
    },
  }
  const subjects = { open: () => ({ pseudonym: 'P-0000-0000' }) }
  return {
    written,
    ledger,
    store,
    subjects,
    alerts: { lastAlert: () => undefined },
    models: new SlotRegistry(),
    clock: new FakeClock(),
    log: silentLog,
    newId: () => 'new-id',
  }
}

const as = (role: Role): Principal => ({ clientId: `a-${role}`, role, fingerprint: '0'.repeat(64), strength: 'mtls' })

describe('reading a decision', () => {
  it('leaves a leaf that says who read which one', async () => {
    const made = room(1)
    const answer = await readDecision('d1', as('officer'), made)
    expect(answer).toMatchObject({ decision, audit: position, feedback: [{ verdict: 'accept', by: 'nurse-1' }] })
    expect(made.written).toEqual([{ leaf: { kind: 'read', decision: 'd1', client: 'a-officer', role: 'officer' } }])
  })

  it('shows nothing when that leaf cannot be written', async () => {
    const made = room()
    made.ledger.failure = new StorageError('storage_full')
    await expect(readDecision('d1', as('officer'), made)).rejects.toMatchObject({ code: 'storage_full' })
  })

  it.each<Role>(['bedside', 'engineer'])('is not for the role %s', async (role) => {
    const made = room()
    await expect(readDecision('d1', as(role), made)).rejects.toMatchObject({ code: 'access_denied' })
    expect(made.written).toEqual([])
  })

  it.each(['unknown', 'f0'])('finds decisions only (%s)', async (id) => {
    await expect(readDecision(id, as('officer'), room())).rejects.toMatchObject({ code: 'decision_unknown' })
  })
})

describe('feedback', () => {
  const override = { verdict: 'override', reason: 'the sensor was off' } as const

  it('is recorded under the patient of the decision, its words in no leaf and in no row that leaves', async () => {
    const made = room()
    expect(await giveFeedback('d1', override, as('clinician'), made)).toMatchObject({ feedbackId: 'new-id' })
    const [evidence] = made.written
    expect(evidence?.body).toMatchObject({
      subject: 'subject-1',
      about: 'd1',
      content: { ...override, by: 'a-clinician' },
    })
    expect(evidence?.leaf).toMatchObject({
      kind: 'feedback',
      decision: 'd1',
      verdict: 'override',
      client: 'a-clinician',
    })
    expect(evidence?.outbound).toEqual({
      v: 1,
      kind: 'feedback',
      model: 'sample',
      release: 3,
      alert: true,
      feedback: 'overridden',
    })
    expect(JSON.stringify([evidence?.leaf, evidence?.outbound])).not.toContain('sensor')
  })

  it('beyond what can be shown again is not acknowledged', async () => {
    await expect(giveFeedback('d1', override, as('clinician'), room(63))).resolves.toBeDefined()
    const full = room(64)
    await expect(giveFeedback('d1', override, as('clinician'), full)).rejects.toMatchObject({ code: 'feedback_limit' })
    expect(full.written).toEqual([])
  })

  it.each<Role>(['bedside', 'engineer', 'officer'])('is not for the role %s', async (role) => {
    await expect(giveFeedback('d1', override, as(role), room())).rejects.toMatchObject({ code: 'access_denied' })
  })
})
