import { describe, expect, it } from 'vitest'
import { WardstoneError } from '../../device/platform/errors.ts'
import { refusals } from '../../models/contract/errors.ts'
import { PackageError } from '../../models/package/errors.ts'
import { AccessError } from '../access/errors.ts'
import { DecisionError } from '../decisions/errors.ts'
import { InferenceError } from '../inference/errors.ts'
import { StorageError } from '../storage/errors.ts'
import { errorFacts, messageOf, statusOf } from './error-map.ts'
import { placeOfFault } from './fault-place.ts'
import type { Route } from './routes.ts'

const CANARY = 'Mustermann'

describe('error map', () => {
  it.each([
    [new InferenceError('inference_deadline'), 504],
    [new InferenceError('inference_worker_lost'), 502],
    [new InferenceError('inference_out_of_memory'), 502],
    [new InferenceError('inference_overloaded', { retryAfterMs: 2100 }), 503],
    [new StorageError('storage_full'), 507],
    [new StorageError('storage_closed'), 503],
    [new DecisionError('decision_unknown'), 404],
    [new DecisionError('model_unknown'), 404],
    [new AccessError('access_unauthenticated'), 401],
    [new AccessError('access_denied'), 403],
    [new PackageError('package_signature_invalid'), 500],
  ])('%s', (error, status) => {
    const facts = errorFacts(error)
    expect(facts).toMatchObject({ status, code: error.code, message: messageOf(error.code) })
  })

  it('says when to come back, in whole seconds', () => {
    expect(errorFacts(new InferenceError('inference_overloaded', { retryAfterMs: 2100 })).retryAfterSeconds).toBe(3)
    expect(errorFacts(new InferenceError('inference_unavailable')).retryAfterSeconds).toBe(1)
    expect(
      errorFacts(new InferenceError('inference_deadline', { retryAfterMs: 2100 })).retryAfterSeconds,
    ).toBeUndefined()
  })

  it('answers every refusal of a guard with 422', () => {
    for (const code of Object.keys(refusals)) expect(statusOf(code as keyof typeof refusals)).toBe(422)
  })

  it('says nothing of what is not ours', () => {
    class Foreign extends WardstoneError {}
    const strange: unknown[] = [
      new Error(CANARY),
      new Foreign('constructor', CANARY, { about: CANARY }),
      new Foreign('not_in_any_table', CANARY, { about: CANARY }),
      Object.assign(new Error(CANARY), { code: 'access_denied', about: CANARY }),
      CANARY,
      null,
      undefined,
      { code: 'access_denied', about: CANARY },
    ]
    for (const error of strange) {
      expect(errorFacts(error)).toEqual({ status: 500, code: 'internal', message: messageOf('internal') })
    }
  })

  it('keeps the files of a broken package or database to itself', () => {
    expect(errorFacts(new StorageError('storage_failed', { about: '/var/lib' })).about).toBeUndefined()
    expect(errorFacts(new PackageError('package_file_missing', { about: 'model' })).about).toBeUndefined()
  })
})

describe('place of a fault', () => {
  it('is code, never the message', () => {
    const place = placeOfFault(new TypeError(`${CANARY}\n    at ${CANARY}.ts:1:1)`))
    expect(place).toMatchObject({ kind: 'TypeError', file: 'error-map.test.ts' })
    expect(JSON.stringify(place)).not.toContain(CANARY)
  })

  it('does not take a name for granted', () => {
    const named = new Error('x')
    named.name = CANARY
    named.stack = `${CANARY}: x`
    expect(JSON.stringify([placeOfFault(named), placeOfFault(CANARY), placeOfFault(null)])).not.toContain(CANARY)
  })
})

describe('types', () => {
  it('a route without an action does not compile', () => {
    type Compiles = Omit<Route, 'action'> extends Route ? true : false
    const compiles: Compiles = false
    expect(compiles).toBe(false)
  })
})
