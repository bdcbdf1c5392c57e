import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { parseGoldenVectors } from '../../models/contract/golden.ts'
import type { ExplanationSpec } from '../../models/contract/schema.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import { sepsisRiskDraft } from '../../models/sepsis-risk/package.ts'
import type { DecisionReadAnswer } from '../../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import { type Appliance, clientFor, makeSite, removeSite, startAppliance } from './appliance.ts'
import { verifySite } from './verify-site.ts'

const CLI = fileURLToPath(new URL('../../runtime/bin/wardstone.ts', import.meta.url))
const MINUTE_MS = 60_000
const PERMUTATIONS = 24

let site: Site
let appliance: Appliance
let bedside: ApiClient
let officer: ApiClient

/** The reference model, its explanation sampled and its budget too small for it. */
function sampledDraft(): PackageDraft {
  const draft = sepsisRiskDraft()
  const { contract } = draft.manifest
  const { explanation } = contract
  if (explanation.method !== 'exact-shapley') expect.fail('it is explained exactly')
  const { output, tensor, groups, baseline } = explanation
  const sampled: ExplanationSpec = {
    method: 'permutation-shapley',
    ...{ output, tensor, groups, background: [baseline], seed: 7, permutations: PERMUTATIONS, budgetMs: 1 },
  }
  return { ...draft, manifest: { ...draft.manifest, contract: { ...contract, explanation: sampled } } }
}

/** A golden vector as a monitor would send it now. */
function sepsisBody(draft: PackageDraft, subject: string) {
  const file = draft.files.find(({ role }) => role === 'golden-vectors')
  const vector = parseGoldenVectors(file?.content ?? new Uint8Array()).vectors.find(({ expect: e }) => 'outputs' in e)
  const nowMs = Date.now()
  const inputs = Object.entries(vector?.inputs ?? {}).flatMap(([name, list]) => {
    const observations = list.map(({ value, unit, ageMinutes }) => {
      return {
        value,
        ...(unit === undefined ? {} : { unit }),
        at: new Date(nowMs - ageMinutes * MINUTE_MS).toISOString(),
      }
    })
    return observations.length === 0 ? [] : [[name, observations]]
  })
  return { model: 'sepsis-risk', subject, inputs: Object.fromEntries(inputs) }
}

async function start(): Promise<void> {
  appliance = await startAppliance(site)
  bedside = clientFor('bedside', site, appliance.url)
  officer = clientFor('officer', site, appliance.url)
}

function closeClients(): void {
  for (const client of [bedside, officer]) client?.close()
}

beforeAll(async () => {
  site = await makeSite([sampledDraft()])
  await start()
})

afterAll(async () => {
  closeClients()
  await appliance?.stop()
  if (site) removeSite(site)
})

async function read(decisionId: string): Promise<DecisionReadAnswer> {
  const { status, body } = await officer.get(`/v1/decisions/${decisionId}`)
  expect(status).toBe(200)
  return body as DecisionReadAnswer
}

async function decide(subject: string): Promise<DecisionAnswer['decision']> {
  const { status, body } = await bedside.post('/v1/decisions', sepsisBody(sampledDraft(), subject))
  expect([status, body]).toMatchObject([200, {}])
  return (body as DecisionAnswer).decision
}

it('an explanation over its budget follows its decision, also after the power went, and is made again to the last bit', async () => {
  const decision = await decide('subject-7001')
  expect(decision.explanation).toMatchObject({ method: 'pending', contributions: [] })
  await expect.poll(async () => (await read(decision.decisionId)).explained, { timeout: 30_000 }).not.toBeNull()

  const second = await decide('subject-7002')
  appliance.process.kill('SIGKILL')
  closeClients()
  await appliance.ended
  await start()
  await expect.poll(async () => (await read(second.decisionId)).explained, { timeout: 60_000 }).not.toBeNull()
  const { explained, decision: kept } = await read(second.decisionId)
  expect(kept).toEqual(second)
  expect(explained?.explanation).toMatchObject({
    method: 'permutation-shapley',
    sampling: { seed: 7, permutations: PERMUTATIONS, backgroundRows: 1 },
  })

  for (const { decisionId } of [decision, second]) {
    const { status, stdout } = spawnSync(process.execPath, [
      ...[CLI, 'decision', 'replay', decisionId, '--site', site.root, '--json'],
    ])
    expect([status, JSON.parse(stdout.toString())]).toMatchObject([0, { outcome: 'same', explanation: 'same' }])
  }
  expect(verifySite(site).code).toBe(0)
}, 180_000)
