import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decisionBody } from '../../demo/cases.ts'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { syntheticPatients } from '../../models/synthetic/patients.ts'
import type { HealthReport, ModelSummary } from '../../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import { type Appliance, clientFor, makeSite, news2Body, removeSite, startAppliance } from './appliance.ts'
import { verifySite } from './verify-site.ts'

const SUBJECT_CANARY = 'CANARY-SUBJECT-7391'
const REASON_CANARY = 'canary reason 5520'

let site: Site
let appliance: Appliance
let bedside: ApiClient
let clinician: ApiClient
let officer: ApiClient

beforeAll(async () => {
  site = await makeSite()
  appliance = await startAppliance(site)
  bedside = clientFor('bedside', site, appliance.url)
  clinician = clientFor('clinician', site, appliance.url)
  officer = clientFor('officer', site, appliance.url)
})

afterAll(async () => {
  for (const client of [bedside, clinician, officer]) client?.close()
  await appliance?.stop()
  if (site) removeSite(site)
})

async function decide(body: unknown): Promise<DecisionAnswer> {
  const { status, body: answer } = await bedside.post('/v1/decisions', body)
  expect(status).toBe(200)
  return answer as DecisionAnswer
}

const points = ({ decision }: DecisionAnswer) =>
  Object.fromEntries(decision.explanation?.contributions.map(({ name, value }) => [name, value]) ?? [])

describe('a decision over the real API', () => {
  it('is scored, explained, told in words and has its place in the log', async () => {
    const answer = await decide(
      news2Body(SUBJECT_CANARY, {
        'respiratory-rate': { value: 25, unit: '/min' },
        spo2: { value: 93, unit: '%' },
        temperature: { value: 95, unit: '[degF]' },
      }),
    )
    const { decision, audit } = answer
    expect(decision.outcome).toBe('scored')
    expect(decision.assessment?.outputs.aggregate?.values).toEqual([8])
    expect(decision.assessment?.outputs.band?.label?.code).toBe('high')
    expect(decision.assessment?.alert).toBe(true)
    expect(points(answer)).toMatchObject({ 'respiratory-rate': 3, spo2: 2, temperature: 3, 'heart-rate': 0 })
    expect(decision.explanation?.residual).toBe(0)
    expect(decision.narrative).toContain('contributed 3')
    expect(decision.narrative).not.toMatch(/because/i)
    expect(Date.parse(decision.validUntil ?? '')).toBeGreaterThan(Date.parse(decision.decidedAt))
    expect(audit.leafHash).toMatch(/^[0-9a-f]{64}$/)
  })

  it('is explained by Shapley values that add up, for the second model', async () => {
    const models = (await bedside.get('/v1/models')).body as { models: ModelSummary[] }
    const sepsis = models.models.find(({ slot }) => slot === 'sepsis-risk')
    expect(sepsis?.state).toBe('active')
    for (const { id, rows } of syntheticPatients(7, 4)) {
      const body = decisionBody({ subject: id, rows }, rows.length - 1, sepsis as ModelSummary, Date.now())
      const { decision } = await decide(body)
      const probability = decision.assessment?.outputs.probability?.values[0] ?? -1
      expect(probability).toBeGreaterThan(0)
      expect(probability).toBeLessThan(1)
      expect(decision.explanation?.method).toBe('exact-shapley')
      expect(Math.abs(decision.explanation?.residual ?? 1)).toBeLessThan(1e-5)
    }
  })

  it('gives one patient one pseudonym and two patients two', async () => {
    const pseudonym = async (subject: string) => (await decide(news2Body(subject))).decision.subjectPseudonym
    const [first, again, other] = [
      await pseudonym('subject-a'),
      await pseudonym('subject-a'),
      await pseudonym('subject-b'),
    ]
    expect(first).toBe(again)
    expect(other).not.toBe(first)
  })

  it('is refused with its own answer, id and leaf when an input is missing, and tells what', async () => {
    const body = news2Body('subject-c')
    delete (body.inputs as Record<string, unknown>)['supplemental-oxygen']
    const { status, body: answer } = await bedside.post('/v1/decisions', body)
    const { decision, audit } = answer as DecisionAnswer
    expect(status).toBe(422)
    expect(decision.refusal).toMatchObject({
      code: 'input_missing',
      about: expect.stringContaining('supplemental-oxygen'),
    })
    expect(decision.assessment).toBeNull()
    expect(audit.leafIndex).toBeGreaterThan(0)
    const read = await officer.get(`/v1/decisions/${decision.decisionId}`)
    expect((read.body as DecisionAnswer).decision.refusal?.code).toBe('input_missing')
  })

  it('can be accepted or overridden with a reason, and is read back whole', async () => {
    const { decision } = await decide(news2Body(SUBJECT_CANARY))
    const given = await clinician.post(`/v1/decisions/${decision.decisionId}/feedback`, {
      verdict: 'override',
      reason: REASON_CANARY,
    })
    expect(given.status).toBe(200)
    const read = await officer.get(`/v1/decisions/${decision.decisionId}`)
    expect(read.status).toBe(200)
    const body = read.body as DecisionAnswer & { feedback: { verdict: string; reason: string; by: string }[] }
    expect(body.decision).toEqual(decision)
    expect(body.feedback).toMatchObject([{ verdict: 'override', reason: REASON_CANARY, by: 'development-clinician' }])
  })

  it('is answered while hundreds more are, each with a place of its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, index) => decide(news2Body(`many-${index % 40}`))),
    )
    expect(new Set(answers.map(({ audit }) => audit.leafIndex)).size).toBe(300)
    expect(new Set(answers.map(({ decision }) => decision.decisionId)).size).toBe(300)
  })
})

describe('the box around it', () => {
  it('says that it is ready, how its workers are walled off and which provider runs', async () => {
    const health = (await bedside.get('/v1/health')).body as HealthReport
    expect(health.status).toBe('ready')
    for (const model of health.models) {
      expect(model.isolation?.level).toBe('bubblewrap')
      expect(model.isolation?.networkIsolated).toBe(true)
      expect(model.provider?.provider).toBe('cpu')
    }
  })

  it('has a log that verifies while it runs', () => {
    const { code, out } = verifySite(site)
    expect(out).toMatch(/sound/i)
    expect(code).toBe(0)
  })

  it('stores no patient reference and no word of a clinician in the clear, and logs none', () => {
    const data = site.path('data')
    for (const name of readdirSync(data)) {
      const path = join(data, name)
      if (!statSync(path).isFile()) continue
      const content = readFileSync(path)
      expect(content.includes(SUBJECT_CANARY), name).toBe(false)
      expect(content.includes(REASON_CANARY), name).toBe(false)
    }
    expect(appliance.words()).not.toContain(SUBJECT_CANARY)
    expect(appliance.words()).not.toContain(REASON_CANARY)
  })

  it('refuses a second instance on the same data', async () => {
    await expect(startAppliance(site)).rejects.toThrow(/storage_locked/)
  })
})
