import { AlarmTimes, type RaisedAlarm, slotFindings } from './alarms.ts'
import { type DecisionRoom, decide } from './decide.ts'
import { reportHealth, summariseModels } from './report.ts'
import { giveFeedback, type RecordStore, readDecision, readImage, readOutput } from './review.ts'
import type { DecisionService } from './service-types.ts'

/** Binds the functions of this room to what they need, for the adapters. */
export function createDecisionService(
  room: DecisionRoom & {
    readonly store: RecordStore
    readonly release: string
    logSize(): number
    /** What else is wrong with the box: one sentence a person can act on, per fault. */
    otherFaults?(): readonly string[]
    /** The same, and what is wrong with the machine, as alarms. */
    otherAlarms?(): readonly RaisedAlarm[]
  },
): DecisionService {
  const times = new AlarmTimes(room.clock)
  return {
    decide: (request, caller) => decide(request, caller, room),
    read: (decisionId, caller) => readDecision(decisionId, caller, room),
    readOutput: (decisionId, output, caller) => readOutput(decisionId, output, caller, room),
    readImage: (decisionId, caller) => readImage(decisionId, caller, room),
    giveFeedback: (decisionId, feedback, caller) => giveFeedback(decisionId, feedback, caller, room),
    models: () => summariseModels(room.models),
    health: () => {
      const raised = [...slotFindings(room.models.slots).map(({ alarm }) => alarm), ...(room.otherAlarms?.() ?? [])]
      return reportHealth(room.models, room.release, room.logSize(), room.otherFaults?.(), times.of(raised))
    },
  }
}
