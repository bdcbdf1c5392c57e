import type { Aim } from './aims.ts'
import type { CommitResult } from './commits.ts'
import type { LatencyResult } from './latency.ts'
import type { ProcessMemory } from './memory.ts'
import type { MixedLoadResult } from './mixed-load.ts'
import type { PackageOpenResult } from './package-open.ts'
import type { StartResult } from './start.ts'

export interface BenchReport {
  /** RFC 3339. */
  readonly at: string
  readonly release: string
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string; readonly loadBefore: number }
  readonly form: 'full' | 'quick'
  /** One line for each thing that was not measured, and why. */
  readonly leftOut: readonly string[]
  readonly latency: readonly LatencyResult[]
  readonly mixedLoad: MixedLoadResult
  readonly memory: readonly ProcessMemory[]
  readonly bareServerMemory: readonly ProcessMemory[]
  readonly starts: readonly StartResult[]
  readonly commits: CommitResult
  readonly packageOpen: PackageOpenResult
  readonly aims: readonly Aim[]
}

/** The report as a person reads it: figures beside the limit they are measured against. */
export function reportText(report: BenchReport): string {
  const { machine, latency, leftOut, aims } = report
  const lines = [
    `${machineLine(report)}. Client, runtime and workers share these cores.`,
    ...(machine.loadBefore > machine.cores / 4 ? [busyLine(report)] : []),
    ...leftOut,
    '',
    'Decision over mTLS beside bare session.run in one process and beside a bare server (same model, same input, same threads)',
    row([
      'model',
      'lanes',
      'raw p50',
      'bare p50',
      'p50',
      'over raw',
      'raw p99',
      'bare p99',
      'p99',
      'over raw',
      'refused',
    ]),
    ...latency.map(latencyRow),
    '',
    'Answers a second, decisions as a share of both, and processor time of one answer (the runtime with its workers)',
    row(['model', 'lanes', 'raw', 'bare server', 'decisions', 'of raw', 'of bare', 'bare CPU', 'CPU']),
    ...latency.map(throughputRow),
    '',
    'Where the time of a decision goes (median µs inside the runtime; the rest is HTTP, TLS, JSON, the commit and the client)',
    ...latency.map(lapLine),
    '',
    ...boxLines(report),
    '',
    'Aims',
    ...aims.map((aim) => `  ${aim.isMet ? 'met   ' : 'missed'}  ${aimText(aim)}`),
  ]
  return `${lines.join('\n')}\n`
}

export function machineLine({ machine, release, form }: BenchReport): string {
  const { cores, cpu, node } = machine
  return `Wardstone ${release}, ${cores} cores, ${cpu}, Node ${node}, ${form} form`
}

export function busyLine({ machine }: BenchReport): string {
  return `The machine was busy before this began (load ${ratio(machine.loadBefore)}): read the ratios, and those with care.`
}

export function aimText({ aim, measured, unit, bound, limit }: Aim): string {
  const said = (value: number) => (unit === 'ms' ? ms(value) : ratio(value))
  return `${aim}: ${said(measured)}, ${bound} ${said(limit)}`
}

function latencyRow({ model, concurrency, raw, bareServer, decision, addedP50Ms, addedP99Ms }: LatencyResult): string {
  const p50 = [raw.p50Ms, bareServer.p50Ms, decision.p50Ms, addedP50Ms].map(ms)
  const p99 = [raw.p99Ms, bareServer.p99Ms, decision.p99Ms, addedP99Ms].map(ms)
  return row([model, String(concurrency), ...p50, ...p99, whole(decision.refused)])
}

function throughputRow(result: LatencyResult): string {
  const { model, concurrency, raw, bareServer, decision, ofRaw, ofServer, bareServerCpuMs, decisionCpuMs } = result
  const rates = [raw, bareServer, decision].map(({ perSecond }) => whole(perSecond))
  const shares = [ratio(ofRaw), ratio(ofServer), ms(bareServerCpuMs), ms(decisionCpuMs)]
  return row([model, String(concurrency), ...rates, ...shares])
}

function boxLines({ mixedLoad, memory, bareServerMemory, starts, commits, packageOpen }: BenchReport): string[] {
  const { bedside, imaging, imagingLanes, idle, loaded, timesP50, timesP99, imagingPerSecond } = mixedLoad
  return [
    `Mixed load: ${bedside} at the bedside while ${imagingLanes} lanes ask ${imaging} without a pause (${ratio(imagingPerSecond)} a second, ${whole(mixedLoad.imagingRefused)} refused)`,
    `  idle p50 ${ms(idle.p50Ms)}, loaded ${ms(loaded.p50Ms)}: ${ratio(timesP50)} times`,
    `  idle p99 ${ms(idle.p99Ms)}, loaded ${ms(loaded.p99Ms)}: ${ratio(timesP99)} times (${whole(idle.answered)} and ${whole(loaded.answered)} requests)`,
    'Resident memory (with shared pages divided among those that share them)',
    ...[...memory, ...bareServerMemory].map(memoryLine),
    'Start to ready',
    ...starts.map(({ what, readyMs, roundsMs }) => `  ${what}: ${ms(readyMs)} (${roundsMs.map(ms).join(', ')})`),
    `Commits in groups of ${commits.group}: ${whole(commits.commitsPerSecond)} a second, raw encrypted inserts of the same bytes ${whole(commits.rawPerSecond)}: ${ratio(commits.ofRaw)} of raw`,
    `One commit alone: p50 ${ms(commits.singleCommitP50Ms)}, raw ${ms(commits.rawSingleP50Ms)}; it writes ${whole(commits.pagesOfSingle)} pages of 4 KiB`,
    `Package open (${packageOpen.megabytes} MB, verify and decrypt): ${whole(packageOpen.openMegabytesPerSecond)} MB/s, openssl AES-256-GCM ${whole(packageOpen.opensslMegabytesPerSecond)} MB/s: ${packageOpen.timesOpenssl.toFixed(1)} times as long`,
  ]
}

function memoryLine({ process, residentBytes, proportionalBytes }: ProcessMemory): string {
  const shared = proportionalBytes === null ? '' : ` (${mebibytes(proportionalBytes)})`
  return `  ${process}: ${mebibytes(residentBytes)}${shared}`
}

function lapLine({ model, concurrency, laps, outsideMs }: LatencyResult): string {
  const inside = Object.entries(laps).map(([name, us]) => `${name.replace(/Us$/, '')} ${us}`)
  return `  ${model} × ${concurrency}: ${inside.join(', ')}; rest ${whole(1000 * outsideMs)}`
}

function row(columns: readonly string[]): string {
  return `  ${columns.map((text, index) => (index === 0 ? text.padEnd(16) : text.padStart(12))).join('')}`
}

/** A figure that there is none of is a dash: nothing was answered. */
const said = (value: number, text: string) => (Number.isFinite(value) ? text : '–')
export const ms = (value: number) => said(value, `${value.toFixed(2)} ms`)
export const whole = (value: number) => said(value, Math.round(value).toLocaleString('en'))
export const ratio = (value: number) => said(value, value.toFixed(2))
export const mebibytes = (bytes: number) => said(bytes, `${(bytes / 1024 / 1024).toFixed(1)} MiB`)
