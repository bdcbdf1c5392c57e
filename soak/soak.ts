import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { startProcess } from '../demo/child-process.ts'
import { clientAs } from '../demo/demo.ts'
import { egressCommand, managerCommand, writeFleetConfigurations } from '../demo/fleet-config.ts'
import { FLEET_SITE, openFleetFolder } from '../demo/fleet-folder.ts'
import { installModels } from '../demo/installation.ts'
import { workerPids } from '../demo/process-tree.ts'
import { startRuntimeProcess } from '../demo/runtime-process.ts'
import { openSite, type Site } from '../demo/site.ts'
import { updaterCommand, writeUpdaterConfiguration } from '../demo/updater-process.ts'
import { offerUpdates, updatesOf } from '../demo/updates.ts'
import { createCryptoProvider } from '../device/crypto/provider.ts'
import { systemRandomness } from '../device/crypto/randomness.ts'
import { news2Draft } from '../models/news2/package.ts'
import { sepsisRiskDraft } from '../models/sepsis-risk/package.ts'
import { syntheticPatients } from '../models/synthetic/patients.ts'
import { type SeededRandom, seededRandom } from '../models/synthetic/seeded-random.ts'
import type { ModelSummary } from '../runtime/decisions/service-types.ts'
import { createOutbox } from '../runtime/storage/outbox.ts'
import { openFleetReader } from '../updater/operator/reading.ts'
import { type Account, openEvidence, takeAccount } from './account.ts'
import { Actor } from './actor.ts'
import { type ChangeResult, startChanges } from './changes.ts'
import { type LoadResult, startLoad } from './load.ts'
import { type MemoryCourse, watchMemory } from './memory.ts'

export interface SoakOptions {
  /** How long the load runs, with kills. */
  readonly seconds: number
  /** Repeats the choice of victims and moments; what the load meets depends on the machine all the same. */
  readonly seed: number
  readonly lanes: number
  /** An empty or missing folder. */
  readonly root: string
}

export interface SoakReport {
  readonly seconds: number
  readonly seed: number
  readonly kills: Readonly<Record<string, number>>
  readonly outcomes: LoadResult['outcomes']
  readonly changes: ChangeResult['outcomes']
  readonly unexpected: readonly string[]
  readonly account: Account
  readonly memory: readonly MemoryCourse[]
  /** How long the records took to arrive once the killing was over. */
  readonly settledMs: number
}

const BROKER = fileURLToPath(new URL('bin/broker.ts', import.meta.url))
const PATIENTS = 12
const SETTLE_LIMIT_MS = 120_000
const KILL_EVERY_MS = { least: 1500, spread: 3500 }
const AWAY_MS = 2000
const FLEET_LIMITS = { recordsPerSecond: 5000, ackTimeoutMs: 1000, reconnectMaxMs: 500 }

/**
 * Mixed load on a whole appliance whose processes are killed at random moments; then peace, and an account of what is where.
 * @throws SoakError soak_process_dead
 */
export async function runSoak(options: SoakOptions, progress: (line: string) => void): Promise<SoakReport> {
  const site = await makeSite(options.root, progress)
  const port = await freePort()
  const cast = await raiseCast(site, port)
  try {
    const memory = watchMemory(cast)
    // A source of its own for each, so that the seed fixes the victims whatever the load draws.
    const load = startLoad({
      ...(await clients(site, port)),
      random: seededRandom(~options.seed),
      lanes: options.lanes,
    })
    const changes = startChanges(site, options.seed)
    const workerKills = await killAtRandom(cast, options.seconds, seededRandom(options.seed), progress)
    const { outcomes: changed } = await changes.stop()
    const { acknowledged, outcomes, unexpected } = await load.stop()
    progress('The load is over; what was released comes to rest')
    const settledMs = await settle(site)
    const running = await runningModels(site, port)
    const courses = memory.stop()
    await stopAll(cast)
    const account = await takeAccount(site, `${FLEET_SITE}/${site.deviceId}`, acknowledged, running)
    const kills = { ...Object.fromEntries(cast.map(({ name, kills }) => [name, kills])), worker: workerKills }
    const { seconds, seed } = options
    return { seconds, seed, kills, outcomes, changes: changed, unexpected, account, memory: courses, settledMs }
  } finally {
    await stopAll(cast)
  }
}

async function makeSite(root: string, progress: (line: string) => void): Promise<Site> {
  const provider = createCryptoProvider()
  const tools = { provider, randomness: systemRandomness, progress }
  const site = await openSite(root, { ...tools, install: (made) => installModels(made, drafts(), tools) })
  await openFleetFolder(site, provider)
  await offerUpdates(site, news2Draft(), tools)
  writeUpdaterConfiguration(site)
  return site
}

function drafts() {
  return [news2Draft(), sepsisRiskDraft()]
}

/** Every process of the appliance and of its fleet, started; the order does not matter to them. */
async function raiseCast(site: Site, port: number): Promise<Actor[]> {
  const brokerPort = await freePort()
  writeFleetConfigurations(site, [...drafts(), ...updatesOf(news2Draft())], brokerPort, FLEET_LIMITS)
  const logPath = (name: string) => site.path(`data/${name}.log`)
  const actor = (name: string, command: readonly string[]) =>
    new Actor(name, () => startProcess({ name, command, logPath: logPath(name) }))
  const cast = [
    actor('broker', [BROKER, '--folder', site.path('fleet'), '--port', String(brokerPort)]),
    actor('wardstone-fleet', managerCommand(site)),
    actor('egress', egressCommand(site)),
    actor('updater', updaterCommand(site)),
    new Actor('runtime', () => startRuntimeProcess(site.path('runtime.json'), logPath('runtime'), port)),
  ]
  for (const each of cast) await each.start()
  return cast
}

async function runningModels(site: Site, port: number): Promise<readonly ModelSummary[]> {
  const engineer = clientAs('engineer', site, `https://127.0.0.1:${port}`)
  try {
    return ((await engineer.get('/v1/models')).body as { models: readonly ModelSummary[] }).models
  } finally {
    engineer.close()
  }
}

async function clients(site: Site, port: number) {
  const url = `https://127.0.0.1:${port}`
  const bedside = clientAs('bedside', site, url, 16)
  const { models } = (await bedside.get('/v1/models')).body as { models: readonly ModelSummary[] }
  const patients = syntheticPatients(1, PATIENTS).map(({ id, rows }) => ({ subject: id, rows }))
  return {
    ...{ bedside, models, patients },
    clinician: clientAs('clinician', site, url),
    engineer: clientAs('engineer', site, url),
  }
}

/**
 * One victim at a time, in rounds that meet everybody in a drawn order; the next may fall while the last is still away.
 * @returns how often a worker was the victim
 */
async function killAtRandom(
  cast: readonly Actor[],
  seconds: number,
  random: SeededRandom,
  progress: (line: string) => void,
): Promise<number> {
  const endMs = performance.now() + seconds * 1000
  const away = new Set<Promise<void>>()
  let round: (Actor | 'worker')[] = []
  let workerKills = 0
  for (;;) {
    const waitMs = KILL_EVERY_MS.least + random.integer(KILL_EVERY_MS.spread)
    await sleep(Math.min(waitMs, Math.max(0, endMs - performance.now())))
    if (performance.now() >= endMs) break
    if (round.length === 0) round = shuffled([...cast, 'worker' as const], random)
    const victim = round.pop() ?? 'worker'
    const name = victim === 'worker' ? 'a worker' : victim.name
    progress(`${Math.round((endMs - performance.now()) / 1000)} s to go: kill ${name}`)
    if (victim === 'worker') {
      workerKills += killWorker(cast, random)
      continue
    }
    const back = victim.crash(random.integer(AWAY_MS)).finally(() => away.delete(back))
    back.catch(() => {}) // reported where all are waited for
    away.add(back)
  }
  await Promise.all(away)
  return workerKills
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  return items
    .map((item) => ({ item, rank: random.uniform() }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ item }) => item)
}

function killWorker(cast: readonly Actor[], random: SeededRandom): number {
  const runtime = cast.find(({ name }) => name === 'runtime')?.running
  const workers = runtime === undefined ? [] : workerPids(runtime.pid)
  const victim = workers[random.integer(workers.length)]
  if (victim === undefined) return 0
  try {
    process.kill(victim, 'SIGKILL')
    return 1
  } catch {
    return 0 // it went with its runtime
  }
}

/** Until the fleet manager has stored as many records as the outbox ever held, or for a bounded time; the account says which. */
async function settle(site: Site): Promise<number> {
  const startMs = performance.now()
  const reader = openFleetReader(site.path('fleet/fleet.db'))
  const { database } = openEvidence(site)
  try {
    const outbox = createOutbox(database)
    while (reader.view(Date.now()).stored < outbox.highest() && performance.now() - startMs < SETTLE_LIMIT_MS)
      await sleep(250)
    return Math.round(performance.now() - startMs)
  } finally {
    reader.close()
    database.close()
  }
}

/** Against the order of starting, so that each can still say goodbye. */
async function stopAll(cast: readonly Actor[]): Promise<void> {
  for (const actor of cast.toReversed()) await actor.stop()
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** A port that is free now, and is meant to stay the same over the restarts of its server. */
function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = createServer().on('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
  })
  return promise
}
