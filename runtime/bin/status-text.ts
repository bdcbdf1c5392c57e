import { printable } from '../../models/package/inspection-text.ts'
import type { HealthAnswerBody, ModelsAnswerBody } from '../http/contract.ts'
import { explainCode } from './model-advice.ts'
import { table } from './model-text.ts'

/** What is wrong and what a person does about it; a box of an earlier release sends `faults` alone. */
export interface Alarm {
  readonly code: string
  readonly severity: 'stop' | 'limit' | 'watch'
  readonly slot: string | null
  readonly text: string
  readonly todo: string
  readonly since: string | null
}

export type Health = Omit<HealthAnswerBody, 'alarms'> & { readonly alarms?: readonly Alarm[] | undefined }
export type Models = ModelsAnswerBody['models']

const verdicts = {
  ready: 'FIT FOR USE',
  degraded: 'FIT FOR USE, WITH FAULTS',
  unavailable: 'NOT FIT FOR USE',
} as const satisfies Readonly<Record<Health['status'], string>>

/** The words of the *Now* page for the three states. */
export const verdictOf = (health: Health): string => verdicts[health.status]

export function alarmsOf({ alarms, faults }: Health): readonly Alarm[] {
  return alarms ?? faults.map((text) => ({ code: '', severity: 'limit', slot: null, text, todo: '', since: null }))
}

/** The box on one screen: the verdict with its reasons, what to do, model by model. */
export function statusText(health: Health, models: Models, url: string): string {
  const alarms = alarmsOf(health)
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

/** A worker that is busy decides as well. */
const decides = (state: string): boolean => state === 'ready' || state === 'busy'

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
  const faults = models.flatMap(({ slot, fault, candidate }) => [
    ...(fault === null ? [] : faultLines(slot, fault)),
    ...(candidate === null ? [] : [`  ${slot}: ${candidate.version} is proven and may take its place`]),
  ])
  return [...table(['MODEL', 'NAME', 'VERSION', 'STATE', 'RUNS ON', 'RESTARTS', 'STATUS'], rows), ...faults]
}

function faultLines(slot: string, fault: string): string[] {
  const { message, advice } = explainCode(fault, undefined)
  return [`  ${slot}: ${message} [${fault}]`, ...(advice === undefined ? [] : [`         What to do: ${advice}`])]
}
