import { expect, it } from 'vitest'
import { FakeClock } from '../testkit/fake-clock.ts'
import { createLog } from './log.ts'
import { LogBudget } from './log-budget.ts'

it('64 warnings at once, then one a second, which says how many were passed over', () => {
  const clock = new FakeClock()
  const lines: string[] = []
  const budget = new LogBudget(
    createLog(clock, (line) => lines.push(line)),
    clock,
  )
  for (let each = 0; each < 10_000; each++) budget.warn('channel-refused', { code: 'x' })
  expect(lines).toHaveLength(64)
  clock.advance(1000)
  budget.warn('channel-refused', { code: 'x' })
  budget.warn('channel-refused', { code: 'x' })
  expect(lines.slice(64).map((line) => JSON.parse(line))).toMatchObject([{ code: 'x', unsaid: 9936 }])
})
