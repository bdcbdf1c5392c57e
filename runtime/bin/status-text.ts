import { printable } from '../../models/package/inspection-text.ts'
import type { HealthAnswerBody, ModelsAnswerBody } from '../http/contract.ts'
import { table } from './model-text.ts'

export type Health = HealthAnswerBody
type Alarm = Health['alarms'][number]
export type Models = ModelsAnswerBody['models']

export type Fitness = 'fit' | 'faults' | 'unfit'

const verdicts: Readonly<Record<Fitness, string>> = {
  fit: 'FIT FOR USE',
  faults: 'FIT FOR USE, WITH FAULTS',
  unfit: 'NOT FIT FOR USE',
}

/** As the *Now* page judges: what decides, but with a fault of the box, is not simply fit for use. */
export function fitnessOf({ status, alarms }: Health): Fitness {
  if (status === 'unavailable') return 'unfit'
  return status === 'degraded' || alarms.some(({ severity }) => severity !== 'watch') ? 'faults' : 'fit'
}

/** The words of the *Now* page. */
export const verdictOf = (health: Health): string => verdicts[fitnessOf(health)]

/** The box on one screen: the verdict with its reasons, what to do, model by model. */
export function statusText(health: Health, models: Models, url: string): string {
  const { alarms } = health
  const lines = [
    verdictOf(health),
    `${url}, release ${health.release}, ${health.logSize} leaves in the audit log`,
    '',
    reason(health),
    ...(alarms.length === 0 ? ['Nothing needs attention.'] : ['', 'Alarms', ...alarms.flatMap(alarmLines)]),
    ...(models.length === 0 ? [] : ['', 'Models', ...modelLines(health, models)]),
  ]
  return `${lines.map(printable).join('\n')}\n`
}

/** A worker that is busy decides as well, and one that was unloaded is loaded by the next request. */
const decides = (state: string): boolean => state === 'ready' || state === 'busy' || state === 'unloaded'

function reason({ models }: Health): string {
  if (models.length === 0) return 'No model is installed.'
  const deciding = models.filter(({ state }) => decides(state)).length
  return `${deciding} of ${models.length} ${models.length === 1 ? 'model' : 'models'} ${deciding === 1 ? 'decides' : 'decide'}.`
}

function alarmLines({ severity, slot, text, todo, since }: Alarm): string[] {
  const where = slot === null || text.startsWith(`${slot}:`) ? '' : `${slot}: `
  const when = since === null ? '' : ` (since ${since})`
  return [`  ${severity.padEnd(5)}  ${where}${text}${when}`, ...(todo === '' ? [] : [`         What to do: ${todo}`])]
}

function modelLines({ models: workers }: Health, models: Models): string[] {
  const rows = models.map((model) => {
    const worker = workers.find(({ slot }) => slot === model.slot)
    const ran = worker?.provider?.provider ?? '–'
    const state = model.state === 'unavailable' ? 'UNAVAILABLE' : (worker?.state ?? 'not running')
    return [
      model.slot,
      model.display ?? '–',
      model.version ?? '–',
      state,
      ran,
      String(worker?.restarts ?? 0),
      model.clinicalStatus ?? '–',
    ]
  })
  const candidates = models.flatMap(({ slot, candidate }) =>
    candidate === null ? [] : [`  ${slot}: ${candidate.version} is proven and may take its place`],
  )
  return [...table(['MODEL', 'NAME', 'VERSION', 'STATE', 'RUNS ON', 'RESTARTS', 'STATUS'], rows), ...candidates]
}
