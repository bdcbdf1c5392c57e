import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decisionBody } from '../../demo/cases.ts'
import { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { issueCertificate } from '../../device/identity/certificate-authority.ts'
import { createCertificateRequest } from '../../device/identity/certificate-request.ts'
import { generateIdentityKey } from '../../device/identity/identity-key.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import { sepsisRiskDraft } from '../../models/sepsis-risk/package.ts'
import { modelStore } from '../../models/store/layout.ts'
import { readSlotPointer } from '../../models/store/pointer.ts'
import { syntheticPatients } from '../../models/synthetic/patients.ts'
import type { HealthReport, ModelSummary } from '../../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../../runtime/decisions/types.ts'
import { type Appliance, clientFor, makeSite, removeSite, startAppliance, workerPids } from './appliance.ts'
import { leavesOf, numbered, placeInStore, Updater } from './testkit/model-store.ts'
import { verifySite } from './verify-site.ts'

const SLOT = 'sepsis-risk'
const CLIENTS = 4
const LANES = 24
/** Between two requests of a lane: what one client may ask in a second is not what is tried here. */
const PAUSE_MS = 50
const CHANGES = 2

let site: Site
let appliance: Appliance
let updater: Updater
let one: string

beforeAll(async () => {
  site = await makeSite([patient(1)])
  one = readSlotPointer(modelStore(site.path('store')), SLOT).active
  appliance = await startAppliance(site)
  updater = new Updater(site)
})

afterAll(async () => {
  updater?.close()
  await appliance?.stop()
  if (site) removeSite(site)
})

/** Release so and so, with time enough for a machine that does other work beside: it is not speed that is tried. */
function patient(releaseCounter: number): PackageDraft {
  const draft = numbered(sepsisRiskDraft(), releaseCounter)
  return { ...draft, manifest: { ...draft.manifest, contract: { ...draft.manifest.contract, deadlineMs: 20_000 } } }
}

/** A bedside device of its own: each client has a share of the box, and these ask for more than one share together. */
async function bedsideDevice(name: string): Promise<ApiClient> {
  const provider = createCryptoProvider()
  const text = (file: string) => readFileSync(site.path(file), 'utf8')
  const authority = { privatePem: text('authority/ca.key'), certificatePem: text('authority/ca.pem') }
  const key = await generateIdentityKey(provider)
  const csr = await createCertificateRequest(provider, key.privatePem, { commonName: name, organization: 'Test' })
  const options = {
    days: 2,
    nowMs: Date.now(),
    profile: 'client',
    commonName: name,
    organizationalUnit: 'bedside',
  } as const
  const certificate = await issueCertificate(provider, authority, csr, options)
  return new ApiClient(appliance.url, { key: key.privatePem, certificate, authority: authority.certificatePem }, LANES)
}

interface Seen {
  readonly askedMs: number
  readonly answeredMs: number
  readonly status: number
  readonly answer: DecisionAnswer
}

/** Asks without a pause, from every lane of every client, until told to stop. */
async function startLoad(clients: readonly ApiClient[]): Promise<{ stop(): Promise<Seen[]> }> {
  const engineer = clientFor('engineer', site, appliance.url)
  const { models } = (await engineer.get('/v1/models')).body as { models: ModelSummary[] }
  engineer.close()
  const model = models.find(({ slot }) => slot === SLOT)
  if (model === undefined) throw new TypeError('the site has no such model')
  const bodies = syntheticPatients(7, 4).map(({ id, rows }) =>
    decisionBody({ subject: id, rows }, rows.length - 1, model, Date.now()),
  )
  const seen: Seen[] = []
  let isOver = false
  const lane = async (client: ApiClient, start: number) => {
    for (let turn = start; !isOver; turn++) {
      const askedMs = performance.now()
      const { status, body } = await client.post('/v1/decisions', bodies[turn % bodies.length])
      seen.push({ askedMs, answeredMs: performance.now(), status, answer: body as DecisionAnswer })
      await pause(PAUSE_MS)
    }
  }
  const lanes = clients.flatMap((client) => Array.from({ length: LANES }, (_, index) => lane(client, index)))
  return {
    stop: async () => {
      isOver = true
      await Promise.all(lanes)
      return seen
    },
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('a change of models under load', () => {
  it('fails no request, and no answer is of a model that was not live when it was asked for', {
    timeout: 120_000,
  }, async () => {
    const two = await placeInStore(site, patient(2))
    const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, index) => bedsideDevice(`monitor-${index}`)))
    const load = await startLoad(clients)
    const moments: { readonly hash: string; readonly beganMs: number; readonly doneMs: number }[] = []
    const before = performance.now()
    moments.push({ hash: one, beganMs: before, doneMs: before })
    const bring = async (hash: string, change: 'activate' | 'rollback') => {
      await pause(500)
      await updater.prove(SLOT, hash, change)
      const beganMs = performance.now()
      await updater.bring(SLOT, hash, change)
      moments.push({ hash, beganMs, doneMs: performance.now() })
    }
    await bring(two, 'activate')
    for (let round = 0; round < CHANGES; round++) {
      await bring(one, 'rollback')
      await bring(two, 'activate')
    }
    await pause(500)
    const seen = await load.stop()
    for (const client of clients) client.close()

    expect(seen.length).toBeGreaterThan(400)
    expect(seen.filter(({ status }) => status !== 200).map(({ status, answer }) => [status, answer])).toEqual([])
    const wrong = seen.filter(({ askedMs, answeredMs, answer }) => {
      const { packageHash } = answer.decision.model
      const live = moments.filter(({ beganMs }, index) => {
        const isOver = (moments[index + 1]?.doneMs ?? Number.POSITIVE_INFINITY) < askedMs
        return beganMs <= answeredMs && !isOver
      })
      return !live.some(({ hash }) => hash === packageHash)
    })
    expect(wrong).toEqual([])
    expect(new Set(seen.map(({ answer }) => answer.decision.model.packageHash))).toEqual(new Set([one, two]))

    const leaves = leavesOf(site)
    const disagreeing = seen.filter(({ answer: { decision, audit } }) => {
      const leaf = leaves[audit.leafIndex]
      return leaf?.id !== decision.decisionId || leaf.package !== decision.model.packageHash
    })
    expect(disagreeing).toEqual([])
    const changes = leaves.filter(({ kind }) => kind === 'activated' || kind === 'rolled-back')
    expect(changes.map(({ kind, packageHash }) => [kind, packageHash])).toEqual([
      ['activated', one],
      ['activated', two],
      ...Array.from({ length: CHANGES }, () => [
        ['rolled-back', one],
        ['activated', two],
      ]).flat(),
    ])
    // No decision of a release stands in the log before the release itself.
    const first = (hash: string) => leaves.findIndex(({ kind, package: of }) => kind === 'decision' && of === hash)
    for (const hash of [one, two])
      expect(first(hash)).toBeGreaterThan(leaves.findIndex(({ packageHash }) => packageHash === hash))
    // Of all the workers that there were, the one that decides is left.
    for (let wait = 0; wait < 50 && workerPids(appliance.process.pid ?? 0).length > 1; wait++) await pause(100)
    expect(workerPids(appliance.process.pid ?? 0)).toHaveLength(1)
    expect(verifySite(site).code).toBe(0)
  })
})

describe('a candidate whose worker is killed again and again', () => {
  it('is refused with one leaf; the model that decides keeps its worker and answers on', {
    timeout: 60_000,
  }, async () => {
    const root = appliance.process.pid ?? 0
    const [serving] = workerPids(root)
    const three = await placeInStore(site, patient(3))
    const clients = [await bedsideDevice('monitor-9')]
    const load = await startLoad(clients)
    let isOver = false
    const killing = (async () => {
      while (!isOver) {
        for (const pid of workerPids(root).filter((pid) => pid !== serving)) process.kill(pid, 'SIGKILL')
        await pause(5)
      }
    })()
    const refused = await updater.prove(SLOT, three).catch((error: unknown) => error)
    isOver = true
    await killing
    const seen = await load.stop()
    for (const client of clients) client.close()
    expect(refused).toMatchObject({
      code: 'channel_refused',
      about: expect.stringMatching(/^inference_(load|self_test)_failed$/),
    })
    expect(seen.filter(({ status }) => status !== 200)).toEqual([])
    expect(workerPids(root)).toEqual([serving])
    expect(leavesOf(site).filter(({ kind }) => kind === 'package-refused')).toMatchObject([
      { slot: SLOT, package: three },
    ])
    const engineer = clientFor('engineer', site, appliance.url)
    expect(((await engineer.get('/v1/health')).body as HealthReport).models).toMatchObject([
      { slot: SLOT, restarts: 0 },
    ])
    engineer.close()
    expect(await updater.slots()).toMatchObject([{ slot: SLOT, state: 'active', fault: null, candidate: null }])
  })
})
