import { describe, expect, it } from 'vitest'
import { type AlertHistory, alertStands } from './standing-alert.ts'

const NOW_MS = Date.UTC(2024, 0, 15, 12)
const hourly = { validityMinutes: 60 }
const last = (alert: boolean, minutesAgo: number): AlertHistory => ({
  lastAlert: () => ({ alert, at: new Date(NOW_MS - minutesAgo * 60_000).toISOString() }),
})
const stands = (history: AlertHistory) => alertStands(history, 'P-0000-0000', 'sample', hourly, NOW_MS)

describe('an alert stands', () => {
  it('when the last decision of the model about the subject had one', () => {
    expect(stands(last(true, 60))).toBe(true)
    expect(stands(last(false, 60))).toBe(false)
    expect(stands({ lastAlert: () => undefined })).toBe(false)
  })

  it('for twice the validity of a result', () => {
    expect(stands(last(true, 120))).toBe(true)
    expect(stands(last(true, 121))).toBe(false)
  })

  it('asks for this subject and model alone', () => {
    const asked: string[][] = []
    const history: AlertHistory = {
      lastAlert: (...names) => {
        asked.push(names)
        return undefined
      },
    }
    stands(history)
    expect(asked).toEqual([['P-0000-0000', 'sample']])
  })
})
