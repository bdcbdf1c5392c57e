import { describe, expect, it } from 'vitest'
import { AccessError } from './errors.ts'
import { type Action, actions, authorise, isAllowed } from './policy.ts'
import { type Principal, type Role, roles } from './principal.ts'

const everyone = ['models.read', 'health.read', 'contract.read'] as const
const pages = ['pages.read', 'self.read'] as const

const allowed: Readonly<Record<Role, readonly Action[]>> = {
  bedside: ['decision.create', ...everyone, ...pages],
  clinician: ['decision.create', 'decision.read', 'decision.feedback', ...everyone, ...pages, 'events.read'],
  engineer: [...everyone, 'device.read', ...pages, 'events.read', 'models.inspect', 'models.change'],
  officer: ['decision.read', ...everyone, 'device.read', ...pages, 'events.read', 'models.inspect'],
}

const as = (role: Role): Principal => ({ clientId: 'c', role, fingerprint: '00', strength: 'mtls' })

describe('policy', () => {
  it('allows exactly what is written here', () => {
    for (const role of roles) expect(actions.filter((action) => isAllowed(role, action))).toEqual(allowed[role])
  })

  it('denies what names no action', () => {
    for (const role of roles) expect(() => authorise(as(role), undefined)).toThrow(AccessError)
  })

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'decision.delete', ''])(
    'denies the action %j',
    (action) => {
      for (const role of roles) expect(() => authorise(as(role), action as Action)).toThrow(AccessError)
    },
  )

  it.each(['constructor', '__proto__', 'administrator', ''])('denies the role %j', (role) => {
    for (const action of actions) expect(isAllowed(role as Role, action)).toBe(false)
  })
})
