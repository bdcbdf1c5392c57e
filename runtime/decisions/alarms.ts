import type { Clock } from '../../device/platform/clock.ts'
import { type Concern, severities } from '../../device/platform/concern.ts'
import { closedGates } from './closed-gates.ts'
import { explainCode } from './code-advice.ts'
import { lowerFirst } from './segmentation-words.ts'
import type { Alarm } from './service-types.ts'
import type { Slot, Slots } from './types.ts'

/** An alarm before it is known since when it stands. */
export interface RaisedAlarm extends Concern {
  readonly slot: string | null
}

/** One thing that is wrong with a slot: in one line, and apart. */
export interface SlotFinding {
  readonly fault: string
  readonly alarm: RaisedAlarm
}

export function boxAlarms(concerns: readonly Concern[]): RaisedAlarm[] {
  return concerns.map((concern) => ({ ...concern, slot: null }))
}

/** Gives alarms their times, and puts the worst first. An alarm that was gone and comes again is a new one. */
export class AlarmTimes {
  readonly #clock: Clock
  #since: ReadonlyMap<string, string> = new Map()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  of(raised: readonly RaisedAlarm[]): Alarm[] {
    const now = new Date(this.#clock.nowMs()).toISOString()
    const seen = raised.map((alarm) => [keyOf(alarm), alarm] as const)
    this.#since = new Map(seen.map(([key]) => [key, this.#since.get(key) ?? now]))
    return seen
      .map(([key, { code, severity, slot, text, todo }]) => {
        return { code, severity, slot, text, todo, since: this.#since.get(key) ?? now }
      })
      .toSorted((one, other) => severities.indexOf(one.severity) - severities.indexOf(other.severity))
  }
}

function keyOf({ code, slot, about }: RaisedAlarm): string {
  return `${code} ${slot} ${about}`
}

/** What is wrong with the slots, in their order. */
export function slotFindings(slots: Slots): SlotFinding[] {
  return [...slots].flatMap(([slot, content]) => findingsOf(content, slots).map((finding) => named(slot, finding)))
}

type Finding = Omit<RaisedAlarm, 'slot'> & { readonly fault: string }

function named(slot: string, { fault, ...alarm }: Finding): SlotFinding {
  return { fault: `${slot}: ${fault}`, alarm: { ...alarm, slot } }
}

const REINSTALL = 'Install another release of this model, or roll back; if it comes again, report it with its code.'

function findingsOf(content: Slot, slots: Slots): Finding[] {
  if (content.state === 'loading') {
    const text = 'The model is being loaded and proven.'
    const todo = 'Wait; after a start this takes seconds to minutes. If it lasts, look at the log of the runtime.'
    return [{ code: 'model_loading', severity: 'stop', text, todo, fault: 'the model is being loaded and proven.' }]
  }
  if (content.state === 'unavailable') {
    const fault = `the model does not run (${content.fault}). See docs/errors.md for what to do.`
    return [{ ...explained(content.fault, 'The model does not run'), severity: 'stop', fault }]
  }
  return [...activeFindings(content), ...closedGates(content.model, slots).map(gateFinding)]
}

/** Said before anybody asks: each request would be refused. */
function gateFinding(slot: string): Finding {
  const text = `The model asks the slot ${slot} about each image first, and what is there cannot answer: every image is refused.`
  const todo = `Install a release in the slot ${slot} that the maker of this model names, or another release of this model.`
  return { code: 'gate_closed', about: slot, severity: 'stop', text, todo, fault: lowerFirst(text) }
}

function activeFindings({ model, fault: stored }: Extract<Slot, { state: 'active' }>): Finding[] {
  const { worker, manifest, explanationMs } = model
  const { state, isolation } = worker.status()
  const { explanation } = manifest.contract
  const findings: Finding[] = []
  if (explanation.method === 'exact-shapley' && explanationMs > explanation.budgetMs) findings.push(LATE)
  if (stored !== undefined) {
    const fault = `the release that the store names does not run (${stored}); ${manifest.version}, which ran before, decides. See docs/errors.md for what to do.`
    const start = `${manifest.version}, which ran before, decides: the release that the store names does not run`
    findings.push({ ...explained(stored, start), severity: 'limit', fault })
  }
  if (state !== 'ready' && state !== 'busy') {
    const fault = `its worker is ${state}. Requests wait until their deadline.`
    const text = `The worker of the model is ${state}. Requests wait until their deadline.`
    const todo =
      'It starts again by itself within a minute. If it does not, look at the log of the runtime, and roll back.'
    findings.push({ code: 'worker_waiting', severity: 'stop', text, todo, fault })
  }
  if (isolation.level === 'plain') {
    const todo = 'Install bubblewrap, or let it make user namespaces, and restart.'
    const fault = `its worker is not isolated (${isolation.reason}). ${todo}`
    const text = `The worker of the model is not isolated (${isolation.reason}).`
    findings.push({ code: 'worker_not_isolated', severity: 'limit', text, todo, fault })
  }
  return findings
}

const LATE: Finding = {
  code: 'explanation_late',
  severity: 'limit',
  text: 'Explanations follow their results: they take longer on this box than the package allows.',
  todo: 'The results hold. Read a decision again for its explanation; more cores, or fewer models, bring it sooner.',
  fault: 'explanations follow their results; they take longer on this box than the package allows.',
}

function explained(code: string, start: string): Pick<Finding, 'code' | 'text' | 'todo'> {
  const { message, advice } = explainCode(code, `Its code is ${code}.`)
  return { code, text: `${start}. ${message}`, todo: advice === undefined ? REINSTALL : sentence(advice) }
}

function sentence(advice: string): string {
  return `${advice.charAt(0).toUpperCase()}${advice.slice(1)}.`
}
