import type { Health } from '../api/answers.ts'
import type { LiveView } from '../api/live-feed.ts'
import { countText } from '../words/numbers.ts'
import { clockText } from '../words/times.ts'

/** Is the box fit for use? One of four; `silent` is "not fit" for whoever stands in front of it. */
export type Fitness = 'fit' | 'limited' | 'unfit' | 'silent' | 'asking'

export interface Verdict {
  readonly fitness: Fitness
  readonly title: string
  /** For the edge of every page. */
  readonly short: string
  readonly reasons: readonly string[]
}

const titles: Readonly<Record<Fitness, readonly [title: string, short: string]>> = {
  fit: ['Fit for use', 'Fit for use'],
  limited: ['Fit for use, with faults', 'Fit, with faults'],
  unfit: ['Not fit for use', 'Not fit for use'],
  silent: ['Not fit for use: no verdict', 'No verdict'],
  asking: ['Asking the box …', 'Asking …'],
}

/** Without an answer for this long, what was said before no longer counts. */
export const SILENT_AFTER_MS = 12_000

/** The one verdict, from what the box says and whether it says anything. */
export function verdictOf(view: LiveView, nowMs: number): Verdict {
  const { health, healthFault, heardAtMs } = view
  if (health === undefined && healthFault === undefined) return verdict('asking', [])
  const isSilent = heardAtMs === undefined || nowMs - heardAtMs > SILENT_AFTER_MS
  if (health === undefined || (healthFault !== undefined && isSilent)) {
    const since = heardAtMs === undefined ? 'this page was opened' : clockText(heardAtMs)
    const why = healthFault?.message ?? 'Nothing is heard from the box.'
    return verdict('silent', [`${why} There is no verdict since ${since}.`, 'Do not rely on the box until it answers.'])
  }
  const deciding = health.models.filter(({ state }) => decides(state)).length
  const models = `${deciding} of ${countText(health.models.length, 'model')} ${deciding === 1 ? 'decides' : 'decide'}.`
  if (health.status === 'unavailable') {
    const none = health.models.length === 0 ? 'No model is installed.' : models
    return verdict('unfit', [none, ...faultsOf(health)])
  }
  const faults = faultsOf(health)
  if (health.status === 'degraded' || faults.length > 0) return verdict('limited', [models, ...faults])
  const soon = health.alarms.length
  const rest = soon === 0 ? 'Nothing needs attention.' : `${countText(soon, 'thing')} to see to soon: see the alarms.`
  return verdict('fit', [models, rest])
}

/** A worker that is busy decides as well. */
export function decides(state: string): boolean {
  return state === 'ready' || state === 'busy' || state === 'unloaded'
}

function faultsOf(health: Health): string[] {
  const alarms = health.alarms.filter(({ severity }) => severity !== 'watch')
  return alarms.map(({ text, slot }) => (slot === null || text.startsWith(`${slot}:`) ? text : `${slot}: ${text}`))
}

function verdict(fitness: Fitness, reasons: readonly string[]): Verdict {
  const [title, short] = titles[fitness]
  return { fitness, title, short, reasons }
}
