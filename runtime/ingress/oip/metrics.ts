import type { HealthReport } from '../../decisions/service-types.ts'
import { failureReasons, type ModelTally, runsOf, type Sum } from './statistics.ts'

export interface MetricFamily {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]
}

/** The process that answers, as the operating system counts it. */
export interface ProcessFacts {
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly startSeconds: number
}

/** Of this process. @param nowMs wall-clock time */
export function readProcessFacts(nowMs: number): ProcessFacts {
  const { user, system } = process.cpuUsage()
  return {
    cpuSeconds: (user + system) / 1_000_000,
    residentBytes: process.memoryUsage.rss(),
    startSeconds: nowMs / 1000 - process.uptime(),
  }
}

/**
 * What can be measured of the models, by Triton's names (docs/user_guide/metrics.md), so that its dashboards and alerts work.
 * Those names break the Prometheus naming rules: counters without `_total`, microseconds, a gauge that ends in `_count`.
 */
export function inferenceMetrics(tallies: readonly ModelTally[]): MetricFamily[] {
  const each = (value: (tally: ModelTally) => number) =>
    tallies.map((tally) => ({ labels: modelLabels(tally), value: value(tally) }))
  const counter = (name: string, help: string, value: (tally: ModelTally) => number): MetricFamily => {
    return { name, type: 'counter', help, samples: each(value) }
  }
  const duration = (part: string, what: string, sum: (tally: ModelTally) => Sum): MetricFamily =>
    counter(`nv_inference_${part}_duration_us`, `${what}, in microseconds, all together`, (tally) => sum(tally).us)
  return [
    counter(
      'nv_inference_request_success',
      'Requests that were answered with a result',
      ({ success }) => success.count,
    ),
    {
      name: 'nv_inference_request_failure',
      type: 'counter',
      help: 'Requests that were answered without a result, by reason; refusals by the model contract are OTHER',
      samples: tallies.flatMap((tally) =>
        failureReasons.map((reason) => {
          return { labels: { ...modelLabels(tally), reason }, value: tally.failures[reason] }
        }),
      ),
    },
    counter('nv_inference_count', 'Inferences that were made', ({ success }) => success.count),
    counter('nv_inference_exec_count', 'Runs of the model for them', runsOf),
    {
      name: 'nv_inference_request_duration_us',
      type: 'counter',
      help: 'From the request to its record in the audit log, in microseconds, all together',
      samples: each(({ success, fail }) => success.us + fail.us),
    },
    duration('queue', 'Waiting for the model, where it is measured apart', ({ queue }) => queue),
    duration('compute_input', 'Checking and preparing inputs', ({ computeInput }) => computeInput),
    duration('compute_infer', 'Running the model', ({ computeInfer }) => computeInfer),
    duration('compute_output', 'Reading and explaining outputs', ({ computeOutput }) => computeOutput),
    {
      name: 'nv_inference_pending_request_count',
      type: 'gauge',
      help: 'Requests that are in work',
      samples: each(({ pending }) => pending),
    },
  ]
}

function modelLabels({ slot, version }: ModelTally): { model: string; version: string } {
  return { model: slot, version }
}

/** What can be measured of the box itself. */
export function applianceMetrics(health: HealthReport, facts: ProcessFacts): MetricFamily[] {
  const one = (name: string, type: MetricFamily['type'], help: string, value: number): MetricFamily => {
    return { name, type, help, samples: [{ labels: {}, value }] }
  }
  const perModel = (value: (model: HealthReport['models'][number]) => number) =>
    health.models.map((model) => ({ labels: { model: model.slot }, value: value(model) }))
  return [
    one('process_cpu_seconds_total', 'counter', 'Processor time of the runtime process', facts.cpuSeconds),
    one('process_resident_memory_bytes', 'gauge', 'Resident memory of the runtime process', facts.residentBytes),
    one('process_start_time_seconds', 'gauge', 'When the runtime process started, since the epoch', facts.startSeconds),
    one('wardstone_ready', 'gauge', '1 while at least one model can decide', Number(health.status !== 'unavailable')),
    one('wardstone_faults', 'gauge', 'Faults that GET /v1/health names', health.faults.length),
    one('wardstone_audit_log_leaves', 'gauge', 'Events in the audit log', health.logSize),
    {
      name: 'wardstone_model_ready',
      type: 'gauge',
      help: '1 while the model of the slot can decide',
      samples: perModel(({ state }) => Number(state === 'ready' || state === 'busy' || state === 'unloaded')),
    },
    {
      name: 'wardstone_model_restarts_total',
      type: 'counter',
      help: 'Restarts of the process that runs the model',
      samples: perModel(({ restarts }) => restarts),
    },
  ]
}

/** The text format of Prometheus, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function writeMetrics(families: readonly MetricFamily[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help}\n`,
      `# TYPE ${name} ${type}\n`,
      ...samples.map(({ labels, value }) => `${name}${writeLabels(labels)} ${value}\n`),
    ])
    .join('')
}

function writeLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
