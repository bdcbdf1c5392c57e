import type { Contract } from '../../models/contract/schema.ts'

/** Where past decisions are looked up. The log is the only memory: it survives a restart, and its order is the order of deciding. */
export interface AlertHistory {
  /** The newest scored decision of a model about a subject that is durable by now. */
  lastAlert(pseudonym: string, modelId: string): { readonly alert: boolean; readonly at: string } | undefined
}

const MS_PER_MINUTE = 60_000
/** One result may be missing in between, as when a sender was away; then what stood has to be reached again. */
const VALIDITIES = 2

/**
 * Does an alert stand for this subject and model? A refusal in between changes nothing, and neither does another
 * release of the model. Two requests for one subject at the same time both see what was durable before them.
 */
export function alertStands(
  history: AlertHistory,
  pseudonym: string,
  modelId: string,
  { validityMinutes }: Pick<Contract, 'validityMinutes'>,
  nowMs: number,
): boolean {
  const last = history.lastAlert(pseudonym, modelId)
  if (last?.alert !== true) return false
  return nowMs - Date.parse(last.at) <= VALIDITIES * validityMinutes * MS_PER_MINUTE
}
