import type { CommitResult } from './commits.ts'
import type { LatencyResult } from './latency.ts'
import type { PackageOpenResult } from './package-open.ts'

export interface BenchReport {
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string }
  readonly latency: readonly LatencyResult[]
  readonly commits: CommitResult
  readonly packageOpen: PackageOpenResult
}

/** The report as a person reads it: figures beside the limit they are measured against. */
export function reportText({ machine, latency, commits, packageOpen }: BenchReport): string {
  const lines = [
    `${machine.cores} cores, ${machine.cpu}, Node ${machine.node}. Client, runtime and worker share these cores.`,
    '',
    'Decision over mTLS beside bare session.run (same model, same input, one thread)',
    row(['model', 'lanes', 'bare p50', 'p50', 'added', 'bare p99', 'p99', 'added', 'per second']),
    ...latency.map(latencyRow),
    '',
    'Where the time of a decision goes (median µs inside the runtime)',
    ...latency.map(({ model, concurrency, laps }) => `  ${model} × ${concurrency}: ${lapText(laps)}`),
    '',
    `Commits in groups of ${commits.group}: ${whole(commits.commitsPerSecond)} a second, raw encrypted inserts of the same bytes ${whole(commits.rawPerSecond)}: ${ratio(commits.ofRaw)} of raw`,
    `One commit alone: p50 ${ms(commits.singleCommitP50Ms)}, raw ${ms(commits.rawSingleP50Ms)}; it writes ${whole(commits.pagesOfSingle)} pages of 4 KiB`,
    `Package open (${packageOpen.megabytes} MB, verify and decrypt): ${whole(packageOpen.openMegabytesPerSecond)} MB/s, openssl AES-256-GCM ${whole(packageOpen.opensslMegabytesPerSecond)} MB/s: ${packageOpen.timesOpenssl.toFixed(1)} times as long`,
  ]
  return `${lines.join('\n')}\n`
}

function latencyRow({ model, concurrency, bare, decision, addedP50Ms, addedP99Ms }: LatencyResult): string {
  const times = [ms(bare.p50Ms), ms(decision.p50Ms), ms(addedP50Ms), ms(bare.p99Ms), ms(decision.p99Ms), ms(addedP99Ms)]
  return row([model, String(concurrency), ...times, whole(decision.perSecond)])
}

function lapText(laps: Readonly<Record<string, number>>): string {
  return Object.entries(laps)
    .map(([name, us]) => `${name.replace(/Us$/, '')} ${us}`)
    .join(', ')
}

function row(columns: readonly string[]): string {
  return `  ${columns.map((text, index) => (index === 0 ? text.padEnd(14) : text.padStart(11))).join('')}`
}

const ms = (value: number) => `${value.toFixed(2)} ms`
const whole = (value: number) => Math.round(value).toLocaleString('en')
const ratio = (value: number) => value.toFixed(2)
