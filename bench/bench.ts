import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { installModels } from '../demo/installation.ts'
import { startRuntimeProcess } from '../demo/runtime-process.ts'
import { openSite, type Site } from '../demo/site.ts'
import { createCryptoProvider } from '../device/crypto/provider.ts'
import { systemRandomness } from '../device/crypto/randomness.ts'
import { news2Draft } from '../models/news2/package.ts'
import { runtimeConfigSchema } from '../runtime/config.ts'
import type { ModelSummary } from '../runtime/decisions/service-types.ts'
import { RELEASE } from '../runtime/release.ts'
import { aimsOf } from './aims.ts'
import { startBareServer } from './bare-server.ts'
import type { BenchModel } from './bench-model.ts'
import { type Devices, issueClients, openDevices } from './clients.ts'
import { measureCommits } from './commits.ts'
import { type ImagingOrder, imagingModel, startImagingLoad } from './imaging-load.ts'
import { type LatencyBench, type LatencyResult, measureDecisions } from './latency.ts'
import { measureMemory } from './memory.ts'
import { type MixedLoadResult, measureMixedLoad } from './mixed-load.ts'
import { outsideModels } from './models/outside.ts'
import { referenceModels } from './models/reference.ts'
import { measurePackageOpen } from './package-open.ts'
import type { BenchReport } from './report.ts'
import { measureStart, type StartResult } from './start.ts'

export interface BenchOptions {
  readonly form: 'full' | 'quick'
  /** Decisions per model and number of lanes, where they fit into the time. */
  readonly decisions: number
  readonly megabytes: number
}

type Progress = (line: string) => void

/** How much of everything is done. */
const forms = {
  full: { lanes: [1, 16, 64], rounds: 5, roundMs: 3000, mixedMs: 5000, starts: 5 },
  quick: { lanes: [1, 16], rounds: 3, roundMs: 700, mixedMs: 2000, starts: 3 },
} as const

/** Enough that the imaging model always has a next request. */
const IMAGING_LANES = 8

/** One run of everything: a site of its own, the real processes, and each figure beside its physical limit. */
export async function runBench(options: BenchOptions, progress: Progress): Promise<BenchReport> {
  const folder = mkdtempSync(join(tmpdir(), 'wardstone-bench-'))
  const [loadBefore = 0] = loadavg()
  try {
    progress('Models')
    const references = referenceModels()
    const { models: outside, leftOut } = await outsideModels()
    const imaging = await imagingModel(outside)
    const models = [...new Set([...references, ...outside, imaging])]
    const box = await measureBox(folder, { references, models, imaging }, options, progress)
    progress('Commits beside raw inserts')
    const commits = await measureCommits()
    progress('Package open beside openssl')
    const packageOpen = await measurePackageOpen(news2Draft(), options.megabytes)
    const machine = { cores: cpus().length, cpu: cpus()[0]?.model ?? '', node: process.version, loadBefore }
    const about = { at: new Date().toISOString(), release: RELEASE, machine, form: options.form }
    return { ...about, leftOut, ...box, commits, packageOpen, aims: aimsOf(box) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface BenchModels {
  readonly references: readonly BenchModel[]
  /** With the references and the imaging model. */
  readonly models: readonly BenchModel[]
  readonly imaging: BenchModel
}

type BoxFigures = Pick<BenchReport, 'latency' | 'mixedLoad' | 'memory' | 'bareServerMemory' | 'starts'>

/** Everything that is asked of a running box: first as it is delivered, then with all models that are measured. */
async function measureBox(
  folder: string,
  { references, models, imaging }: BenchModels,
  options: BenchOptions,
  progress: Progress,
): Promise<BoxFigures> {
  const tools = { provider: createCryptoProvider(), randomness: systemRandomness, progress }
  const drafts = (of: readonly BenchModel[]) => of.map(({ draft }) => draft)
  const install = (made: Site) => installModels(made, drafts(references), tools)
  const site = await openSite(join(folder, 'site'), { ...tools, install })
  const starts = [await startsOf(site, references, options, progress)]
  await installModels(site, drafts(models), tools)
  starts.push(await startsOf(site, models, options, progress))

  const threads = threadsOf(site)
  const bareFolder = join(folder, 'bare-server')
  mkdirSync(bareFolder)
  const startBare = () => startBareServer(site, models, bareFolder, threads)
  starts.push(await measureStart('bare server (the same models)', forms[options.form].starts, startBare))
  const runtime = await startRuntimeProcess(site.path('runtime.json'), site.path('data/runtime.log'), 0)
  const bareServer = await startBare().catch(async (cause: unknown) => {
    await runtime.stop()
    throw cause
  })
  try {
    const identities = await issueClients(site, 'bedside', tools.provider)
    const readers = await issueClients(site, 'clinician', tools.provider)
    const devices = {
      bedside: openDevices(runtime.url, identities),
      bareServer: openDevices(bareServer.readyWith, identities),
    }
    try {
      const summaries = await connectAll(devices, models)
      const pids = { runtimePid: runtime.pid, bareServerPid: bareServer.pid }
      const latency = await latencies(models, summaries, devices, { threads, ...pids }, options, progress)
      const memory = measureMemory(runtime.pid)
      const bareServerMemory = measureMemory(bareServer.pid)
      const summary = summaryOf(summaries, imaging)
      const order = { url: runtime.url, identities: readers, summary, lanes: IMAGING_LANES }
      const mixedLoad = await mixed(references, { name: imaging.name, order }, summaries, devices, options, progress)
      return { latency, mixedLoad, memory, bareServerMemory, starts }
    } finally {
      for (const each of Object.values(devices)) each.close()
    }
  } finally {
    await Promise.all([runtime.stop(), bareServer.stop()])
  }
}

type AllDevices = Readonly<Record<'bedside' | 'bareServer', Devices>>
type Summaries = ReadonlyMap<string, ModelSummary>

function threadsOf(site: Site): number {
  return runtimeConfigSchema.parse(JSON.parse(readFileSync(site.path('runtime.json'), 'utf8'))).inference.threads
}

function startsOf(
  site: Site,
  models: readonly BenchModel[],
  { form }: BenchOptions,
  progress: Progress,
): Promise<StartResult> {
  progress(`Start to ready with ${models.length} models`)
  const what = `runtime with ${models.length} models (${models.map(({ name }) => name).join(', ')})`
  return measureStart(what, forms[form].starts, () =>
    startRuntimeProcess(site.path('runtime.json'), site.path('data/runtime.log'), 0),
  )
}

/** @throws TypeError when the runtime does not run one of the models: nothing about it could be measured */
async function connectAll({ bedside, bareServer }: AllDevices, models: readonly BenchModel[]): Promise<Summaries> {
  const { models: listed } = (await bedside.get('/v1/models')).body as { models: readonly ModelSummary[] }
  const summaries = new Map(listed.filter(({ state }) => state === 'active').map((summary) => [summary.slot, summary]))
  const missing = models.filter(({ name }) => !summaries.has(name)).map(({ name }) => name)
  const faults = listed.map(({ slot, fault }) => `${slot} ${fault ?? 'runs'}`)
  if (missing.length > 0) throw new TypeError(`not active: ${missing.join(', ')} (${faults.join(', ')})`)
  await bedside.connect('/v1/models')
  await bareServer.connect('/')
  return summaries
}

function summaryOf(summaries: Summaries, { name }: BenchModel): ModelSummary {
  const summary = summaries.get(name)
  if (summary === undefined) throw new TypeError(`${name} is not active`)
  return summary
}

async function latencies(
  models: readonly BenchModel[],
  summaries: Summaries,
  { bedside, bareServer }: AllDevices,
  measured: Pick<LatencyBench, 'threads' | 'runtimePid' | 'bareServerPid'>,
  { form, decisions }: BenchOptions,
  progress: Progress,
): Promise<LatencyResult[]> {
  const { lanes, rounds, roundMs } = forms[form]
  const callsPerRound = Math.ceil(decisions / rounds)
  const bench = { runtime: bedside, bareServer, ...measured, rounds, roundMs, callsPerRound }
  const results: LatencyResult[] = []
  for (const model of models) {
    for (const concurrency of lanes) {
      progress(`Decisions of ${model.name} from ${concurrency} lanes`)
      results.push(await measureDecisions(model, summaryOf(summaries, model), bench, concurrency))
    }
  }
  return results
}

async function mixed(
  [bedsideModel]: readonly BenchModel[],
  { name, order }: { readonly name: string; readonly order: ImagingOrder },
  summaries: Summaries,
  { bedside }: AllDevices,
  { form }: BenchOptions,
  progress: Progress,
): Promise<MixedLoadResult> {
  if (bedsideModel === undefined) throw new TypeError('no bedside model')
  progress(`${bedsideModel.name} at the bedside beside ${name} without a pause`)
  const load = await startImagingLoad(order)
  try {
    return await measureMixedLoad({
      bedside: { model: bedsideModel, summary: summaryOf(summaries, bedsideModel), devices: bedside },
      imaging: { name, load },
      imagingLanes: order.lanes,
      rounds: forms[form].rounds,
      roundMs: forms[form].mixedMs,
    })
  } finally {
    load.close()
  }
}

/** Whether a page can be written there: asked before the run, not after ten minutes. Makes the file where there is none. */
export function isWritable(path: string): boolean {
  try {
    closeSync(openSync(path, 'a', 0o644))
    return true
  } catch {
    return false
  }
}
