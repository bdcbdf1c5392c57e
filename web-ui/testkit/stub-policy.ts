import type { Role } from '../../runtime/access/principal.ts'

/** Which role may do what, as the pages are told it by the stub. */
export const stubActions: Readonly<Record<Role, readonly string[]>> = {
  bedside: ['decision.create', 'models.read', 'health.read', 'contract.read', 'pages.read', 'self.read'],
  clinician: [
    ...['decision.create', 'decision.read', 'decision.feedback', 'models.read', 'health.read', 'contract.read'],
    ...['pages.read', 'self.read', 'events.read'],
  ],
  engineer: [
    ...['models.read', 'health.read', 'contract.read', 'device.read', 'pages.read', 'self.read', 'events.read'],
    ...['models.inspect', 'models.change'],
  ],
  officer: [
    ...['decision.read', 'models.read', 'health.read', 'contract.read', 'device.read', 'pages.read', 'self.read'],
    ...['events.read', 'models.inspect'],
  ],
}

const wanted: readonly (readonly [method: string, path: RegExp, action: string])[] = [
  ['GET', /^\/v1\/whoami$/, 'self.read'],
  ['GET', /^\/v1\/health$/, 'health.read'],
  ['GET', /^\/v1\/events$/, 'events.read'],
  ['GET', /^\/v1\/models$/, 'models.read'],
  ['GET', /^\/v1\/models\/[^/]+$/, 'models.inspect'],
  ['GET', /^\/v1\/model-(store|jobs)$/, 'models.inspect'],
  ['POST', /^\/v1\/model-jobs/, 'models.change'],
  ['POST', /^\/v1\/decisions\/[^/]+\/feedback$/, 'decision.feedback'],
  ['GET', /^\/v1\/decisions\/[^/]+/, 'decision.read'],
]

/** @returns undefined for a route that does not exist */
export function actionOf(method: string, path: string): string | undefined {
  return wanted.find(([each, pattern]) => each === method && pattern.test(path))?.[2]
}
