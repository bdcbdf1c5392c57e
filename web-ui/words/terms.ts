/** Identifiers of the API in the words of the pages. An identifier that has none is shown itself. */
const flags: Readonly<Record<string, string>> = {
  missing: 'not available',
  stale: 'too old to be used as current',
  implausible: 'outside the plausible range',
  abrupt: 'changed faster than is plausible',
  default: 'not sent; the documented default was taken',
  duplicate: 'sent more than once for one moment; the last was taken',
  'attribute-unexpected': 'not what the model was made for',
  'attribute-unknown': 'not said by the image',
}

const methods: Readonly<Record<string, string>> = {
  'model-output': 'put out by the model itself',
  'exact-shapley': 'Shapley values, exact',
  'permutation-shapley': 'Shapley values, sampled',
  'class-activation-map': 'class activation map',
  occlusion: 'occlusion: how much the output falls when a place is covered',
  pending: 'still being computed',
  none: 'none',
}

const laps: Readonly<Record<string, string>> = {
  receive: 'receive the image',
  guard: 'check the inputs',
  gate: 'ask the gate',
  infer: 'run the model',
  explain: 'explain',
  commit: 'record',
  total: 'in all',
}

const passed: Readonly<Record<string, string>> = {
  missing: 'is not there',
  'tolerance-missing': 'the package gives no tolerance for it',
  'session-refused': 'could not load the model',
  'takes-no-node': 'takes no part of the model',
  'golden-vectors-differ': 'gave other results than the golden vectors',
}

const statuses: Readonly<Record<string, string>> = {
  research: 'Research: not for clinical use',
  silent: 'Silent trial: not for clinical use',
  advisory: 'Advisory',
}

const roles: Readonly<Record<string, string>> = {
  bedside: 'bedside device',
  clinician: 'clinician',
  engineer: 'biomedical engineer',
  officer: 'privacy officer',
}

const word = (table: Readonly<Record<string, string>>, name: string): string =>
  Object.hasOwn(table, name) ? (table[name] ?? name) : name

export const flagText = (flag: string): string => word(flags, flag)
export const methodText = (method: string): string => word(methods, method)
export const passedText = (reason: string): string => word(passed, reason)
export const statusText = (status: string): string => word(statuses, status)
export const roleText = (role: string): string => word(roles, role)
/** Laps in the order of the path; an unknown one stands at the end. */
export const byLap = (a: string, b: string): number => placeOf(a) - placeOf(b)

function placeOf(lap: string): number {
  const place = Object.keys(laps).indexOf(lap.replace(/Us$/, ''))
  return place < 0 ? Object.keys(laps).length : place
}

export const lapText = (lap: string): string => word(laps, lap.replace(/Us$/, ''))
