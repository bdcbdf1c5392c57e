import { describe, expect, it } from 'vitest'
import { daysLeft, expiresSoon, renewalAtMs, renewalDue, validityState } from './validity.ts'

const DAY_MS = 86_400_000
const start = Date.UTC(2026, 0, 1)
const certificate = (days: number, fingerprint = '00000000') => ({
  notBefore: new Date(start),
  notAfter: new Date(start + days * DAY_MS),
  fingerprint,
})

describe('renewal is due', () => {
  it('from two thirds of the lifetime, and for no device later than three quarters', () => {
    expect(renewalDue(certificate(90), start + 60 * DAY_MS - 1)).toBe(false)
    expect(renewalDue(certificate(90), start + 60 * DAY_MS)).toBe(true)
    expect(renewalAtMs(certificate(90, 'ffffffff'))).toBeLessThanOrEqual(start + 67.5 * DAY_MS)
    expect(renewalAtMs(certificate(90, 'ffffffff'))).toBeGreaterThan(start + 67 * DAY_MS)
  })

  it('at the same moment each time for one device, and spread over devices', () => {
    const prints = Array.from({ length: 64 }, (_, n) => (n * 67_108_864).toString(16).padStart(8, '0'))
    const moments = prints.map((print) => renewalAtMs(certificate(90, print)))
    expect(new Set(moments).size).toBe(64)
    expect(moments).toEqual(prints.map((print) => renewalAtMs(certificate(90, print))))
  })

  it('for one that has expired too, and not for one that is not valid yet', () => {
    expect(renewalDue(certificate(90), start + 1000 * DAY_MS)).toBe(true)
    expect(renewalDue(certificate(90), start - DAY_MS)).toBe(false)
  })
})

describe('validity', () => {
  it.each([
    [-1, 'not yet valid'],
    [0, 'in force'],
    [90 * DAY_MS, 'in force'],
    [90 * DAY_MS + 1, 'expired'],
  ])('%s ms after the start it is %s', (ms, state) => expect(validityState(certificate(90), start + ms)).toBe(state))

  it('counts whole days', () => {
    expect(daysLeft(certificate(90), start)).toBe(90)
    expect(daysLeft(certificate(90), start + 1)).toBe(89)
    expect(daysLeft(certificate(90), start + 90 * DAY_MS + 1)).toBe(-1)
  })

  it('ends soon below 30 days, or below a third of a short lifetime', () => {
    expect(expiresSoon(certificate(365), start + 335 * DAY_MS)).toBe(false)
    expect(expiresSoon(certificate(365), start + 335 * DAY_MS + 1)).toBe(true)
    expect(expiresSoon(certificate(9), start)).toBe(false)
    expect(expiresSoon(certificate(9), start + 6 * DAY_MS)).toBe(false)
    expect(expiresSoon(certificate(9), start + 6 * DAY_MS + 1)).toBe(true)
  })
})
