import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { createCatalogue } from '../../device/outbound/catalogue.ts'
import { encodeOutbound, outboundSchemas } from '../../device/outbound/messages.ts'
import { canonicalJson } from '../../device/platform/canonical-json.ts'
import { silentLog } from '../../device/platform/log.ts'
import { Phi } from '../../device/platform/phi.ts'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import { NOW_MS, spotContract, spotObservations } from '../../models/contract/testkit/contracts.ts'
import { packModel } from '../../models/package/pack.ts'
import { sampleDraft } from '../../models/package/testkit/sample-draft.ts'
import type { Evidence } from '../audit/types.ts'
import { type DecisionRoom, decide } from '../decisions/decide.ts'
import { giveFeedback } from '../decisions/review.ts'
import { SlotRegistry } from '../decisions/slot-registry.ts'
import { narrow } from './intake.ts'
import { outboundRow } from './outbound.ts'
import { openQueue } from './queue.ts'

/** One visit of a patient: which of them, what was measured how long ago, whether a clinician answered. */
interface Visit {
  readonly patient: number
  readonly score: number
  readonly breaks: 'nothing' | 'unit' | 'name' | 'value' | 'missing'
  readonly feedback: 'none' | 'accept' | 'override'
  readonly afterMinutes: number
}

/** Everything about a run that names somebody or a moment. */
interface Identities {
  name(patient: number): string
  readonly client: string
  readonly reason: string
  readonly stray: string
  idOf(count: number): string
  readonly shiftMs: number
}

const draft = sampleDraft()
const { manifest } = packModel({ ...draft, manifest: { ...draft.manifest, contract: spotContract } }, systemRandomness)
const catalogue = createCatalogue([
  { number: 5, model: manifest.modelId, release: manifest.releaseCounter, version: manifest.version },
])

/** The bytes on the wire for a row of visits: the real decision path, the real narrowing, the real queue. */
async function wireBytes(visits: readonly Visit[], who: Identities): Promise<string> {
  const clock = new FakeClock(NOW_MS + who.shiftMs)
  const written: Evidence[] = []
  let score = 0
  let ids = 0
  const bodies = new Map<string, Evidence['body']>()
  const room: DecisionRoom & Parameters<typeof giveFeedback>[3] = {
    models: new SlotRegistry([['sample', { state: 'active', model: model(() => score) }]]),
    ledger: {
      commit: async (evidence) => {
        written.push(evidence)
        if (evidence.body !== undefined) bodies.set(evidence.body.id, evidence.body)
        return { origin: 'test', leafIndex: written.length - 1, leafHash: 'f'.repeat(64) }
      },
    },
    subjects: { open: (subject) => ({ pseudonym: `P-${subject}` }) },
    alerts: { lastAlert: () => undefined },
    store: {
      readBody: (id) => {
        const content = bodies.get(id)?.content
        return content && { content, position: { origin: 'test', leafIndex: 0, leafHash: '' } }
      },
      feedbackOf: () => [],
    },
    clock,
    log: silentLog,
    newId: () => who.idOf(ids++),
  }
  const caller = { clientId: who.client, role: 'clinician', fingerprint: '0'.repeat(64), strength: 'mtls' } as const
  for (const visit of visits) {
    clock.advance(visit.afterMinutes * 60_000)
    score = visit.score
    const subject = new Phi(who.name(visit.patient))
    const inputs = observations(visit.breaks, clock.nowMs(), who.stray)
    const request = { model: 'sample', subject, purpose: 'demonstration', inputs } as const
    const { decision } = await decide(request, { ...caller, role: 'bedside' }, room)
    if (visit.feedback === 'none') continue
    await giveFeedback(decision.decisionId, { verdict: visit.feedback, reason: who.reason }, caller, room)
  }
  return published(written, clock)
}

function model(score: () => number) {
  const float = (...data: number[]) => ({
    dtype: 'float32' as const,
    dims: [1, data.length],
    data: new Float32Array(data),
  })
  const worker = {
    ready: async () => ({ provider: 'cpu', runtime: 'test', threads: 1, nodes: null, passedOver: [] }) as const,
    run: async () => ({ aggregate: float(score()), band: float(1), points: float(3, 1, 2, 0) }),
    status: () => ({
      ...{ state: 'ready', pid: 1, restarts: 0, lastFailure: undefined, provider: undefined },
      isolation: { level: 'plain', networkIsolated: false, memoryLimitBytes: null, reason: 'test' },
    }),
    stop: async () => {},
  }
  return { slot: 'sample', manifest, packageHash: 'a'.repeat(64), worker } as never
}

/** As a device would send them, `stray` being whatever a person may have typed where it does not belong. */
function observations(breaks: Visit['breaks'], nowMs: number, stray: string) {
  const good = Object.entries(spotObservations()).map(
    ([name, list]) => [name, list.map((one) => ({ ...one, atMs: one.atMs - NOW_MS + nowMs }))] as const,
  )
  const [first, ...rest] = good
  if (first === undefined || breaks === 'nothing') return Object.fromEntries(good)
  const [name, list] = first
  if (breaks === 'unit') return Object.fromEntries([[name, list.map((one) => ({ ...one, unit: stray }))], ...rest])
  if (breaks === 'value') return Object.fromEntries([[name, list.map((one) => ({ ...one, value: stray }))], ...rest])
  return Object.fromEntries(breaks === 'name' ? [...good, [stray, list]] : rest)
}

function published(written: readonly Evidence[], clock: FakeClock): string {
  const folder = mkdtempSync(join(tmpdir(), 'noninterference-'))
  const randomness = { ...systemRandomness, bytes: (count: number) => Buffer.alloc(count, 9) }
  const queue = openQueue({ path: join(folder, 'egress.db'), randomness, maxRecords: 10_000 })
  try {
    // Through the text of the outbox, as the relay reads it.
    const rows = written.flatMap(({ outbound }) => (outbound === undefined ? [] : [canonicalJson(outbound)]))
    const records = rows.map((text, index) => ({
      seq: index + 1,
      record: narrow(outboundRow.parse(JSON.parse(text)), catalogue, clock.nowMs()),
    }))
    queue.append('a'.repeat(64), records)
    const { stream } = queue.position()
    return queue
      .after(0, records.length)
      .map(({ sequence, record }) => {
        const message = outboundSchemas.decisions.parse({ v: 1, stream, first: sequence, records: [record] })
        return Buffer.from(encodeOutbound({ leaf: 'decisions', message })).toString('utf8')
      })
      .join('\n')
  } finally {
    queue.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const visit: fc.Arbitrary<Visit> = fc.record({
  patient: fc.integer({ min: 0, max: 5 }),
  score: fc.constantFrom(0, 1, 4, 5, 7, 12, 20),
  breaks: fc.constantFrom('nothing', 'nothing', 'nothing', 'unit', 'name', 'value', 'missing'),
  feedback: fc.constantFrom('none', 'none', 'accept', 'override'),
  afterMinutes: fc.integer({ min: 0, max: 600 }),
})

/** Words that differ between two runs; the patients' names are made different from each other by their number. */
const identities: fc.Arbitrary<Identities> = fc
  .record({
    prefix: fc.string({ maxLength: 20 }),
    client: fc.string({ minLength: 1, maxLength: 20 }),
    reason: fc.string({ maxLength: 40 }),
    stray: fc.string({ minLength: 1, maxLength: 12 }).map((text) => `?${text}`),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    // Within the year, and whole minutes: ages and intervals stay what they are.
    shiftMinutes: fc.integer({ min: 0, max: 40_000 }),
  })
  .map(({ prefix, client, reason, stray, seed, shiftMinutes }) => ({
    name: (patient) => `${prefix}${patient}`,
    client,
    reason,
    stray,
    idOf: (count) => `${seed.toString(16).padStart(8, '0')}-0000-4000-8000-${String(count).padStart(12, '0')}`,
    shiftMs: shiftMinutes * 60_000,
  }))

describe('noninterference', () => {
  it('who the patients are, who asked, what was typed and when leaves no trace in the bytes that leave', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(visit, { minLength: 1, maxLength: 12 }),
        identities,
        identities,
        async (visits, one, other) => {
          expect(await wireBytes(visits, one)).toBe(await wireBytes(visits, other))
        },
      ),
      { numRuns: 40 },
    )
  })

  it('and yet says what was decided', async () => {
    const [who] = fc.sample(identities, { numRuns: 1, seed: 5 })
    const base = { patient: 0, breaks: 'nothing', feedback: 'none', afterMinutes: 1 } as const
    const bytes = await wireBytes(
      [
        { ...base, score: 0 },
        { ...base, score: 20 },
        { ...base, score: 1, breaks: 'name' },
      ],
      who!,
    )
    expect(bytes.match(/"result":"[a-z]+"/g)).toEqual(['"result":"none"', '"result":"high"', '"result":"refused"'])
    expect(bytes).toContain('"model":5')
  })
})
