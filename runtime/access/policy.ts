import { AccessError } from './errors.ts'
import type { Principal, Role } from './principal.ts'

/** Everything that can be asked of the box. A route names exactly one. */
export const actions = [
  'decision.create',
  'decision.read',
  'decision.feedback',
  'models.read',
  'health.read',
  'contract.read',
  'device.read',
  /** The web pages themselves: no data is in them. */
  'pages.read',
  /** Who the certificate says is asking, and what that role may do. */
  'self.read',
  /** What is decided, as it is decided; whose it is only with `decision.read`. */
  'events.read',
  /** How a model is made and proven, what is staged, and how a change of models fares. */
  'models.inspect',
  /** To change which release of a model runs. */
  'models.change',
] as const
export type Action = (typeof actions)[number]

/**
 * Role × action. The type makes every cell a decision: a new role or a new action does not compile until its row or
 * column is filled in. What is not `true` is denied.
 */
export const policy: Readonly<Record<Role, Readonly<Record<Action, boolean>>>> = {
  bedside: {
    'decision.create': true,
    'decision.read': false,
    'decision.feedback': false,
    'models.read': true,
    'health.read': true,
    'contract.read': true,
    'device.read': false,
    'pages.read': true,
    'self.read': true,
    'events.read': false,
    'models.inspect': false,
    'models.change': false,
  },
  clinician: {
    'decision.create': true,
    'decision.read': true,
    'decision.feedback': true,
    'models.read': true,
    'health.read': true,
    'contract.read': true,
    'device.read': false,
    'pages.read': true,
    'self.read': true,
    'events.read': true,
    'models.inspect': false,
    'models.change': false,
  },
  engineer: {
    'decision.create': false,
    'decision.read': false,
    'decision.feedback': false,
    'models.read': true,
    'health.read': true,
    'contract.read': true,
    'device.read': true,
    'pages.read': true,
    'self.read': true,
    'events.read': true,
    'models.inspect': true,
    'models.change': true,
  },
  officer: {
    'decision.create': false,
    'decision.read': true,
    'decision.feedback': false,
    'models.read': true,
    'health.read': true,
    'contract.read': true,
    'device.read': true,
    'pages.read': true,
    'self.read': true,
    'events.read': true,
    'models.inspect': true,
    'models.change': false,
  },
}

/**
 * Default deny: an action that is missing from the table, and a route that names none, is refused for every role.
 * @throws AccessError access_denied
 */
export function authorise(principal: Principal, action: Action | undefined): void {
  if (!isAllowed(principal.role, action)) throw new AccessError('access_denied')
}

export function isAllowed(role: Role, action: Action | undefined): boolean {
  if (action === undefined || !Object.hasOwn(policy, role)) return false
  const row = policy[role]
  return Object.hasOwn(row, action) && row[action] === true
}
