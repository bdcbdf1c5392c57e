import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { clientAs } from '../demo/demo.ts'
import { installModels } from '../demo/installation.ts'
import { startRuntimeProcess } from '../demo/runtime-process.ts'
import { openSite, type SiteTools } from '../demo/site.ts'
import { createCryptoProvider } from '../device/crypto/provider.ts'
import { systemRandomness } from '../device/crypto/randomness.ts'
import { news2Draft } from '../models/news2/package.ts'
import type { PackageDraft } from '../models/package/pack.ts'
import { sepsisRiskDraft } from '../models/sepsis-risk/package.ts'
import type { ModelSummary } from '../runtime/decisions/service-types.ts'
import { measureCommits } from './commits.ts'
import { type LatencyResult, measureDecisions } from './latency.ts'
import { measurePackageOpen } from './package-open.ts'
import type { BenchReport } from './report.ts'

export interface BenchOptions {
  /** Decisions per model and number of lanes. */
  readonly decisions: number
  readonly megabytes: number
}

const LANES = [1, 16]

/** One run of everything: a site of its own, the real processes, and each figure beside its physical limit. */
export async function runBench(options: BenchOptions, progress: (line: string) => void): Promise<BenchReport> {
  const folder = mkdtempSync(join(tmpdir(), 'wardstone-bench-'))
  try {
    const latency = await measureLatencies(join(folder, 'site'), options.decisions, progress)
    progress('Commits beside raw inserts')
    const commits = await measureCommits()
    progress('Package open beside openssl')
    const packageOpen = await measurePackageOpen(news2Draft(), options.megabytes)
    const machine = { cores: cpus().length, cpu: cpus()[0]?.model ?? '', node: process.version }
    return { machine, latency, commits, packageOpen }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measureLatencies(
  root: string,
  count: number,
  progress: (line: string) => void,
): Promise<LatencyResult[]> {
  const drafts: readonly PackageDraft[] = [news2Draft(), sepsisRiskDraft()]
  const tools: Omit<SiteTools, 'install'> = { provider: createCryptoProvider(), randomness: systemRandomness, progress }
  const site = await openSite(root, { ...tools, install: (made) => installModels(made, drafts, tools) })
  const runtime = await startRuntimeProcess(site.path('runtime.json'), site.path('data/runtime.log'), 0)
  const client = clientAs('bedside', site, runtime.url, Math.max(...LANES))
  try {
    const { models } = (await client.get('/v1/models')).body as { models: readonly ModelSummary[] }
    const results: LatencyResult[] = []
    for (const draft of drafts) {
      const model = models.find(({ slot }) => slot === draft.manifest.modelId)
      if (model === undefined) continue
      for (const lanes of LANES) {
        progress(`Decisions of ${model.slot} from ${lanes} lanes`)
        results.push(await measureDecisions(draft, model, client, lanes, count))
      }
    }
    return results
  } finally {
    client.close()
    await runtime.stop()
  }
}
