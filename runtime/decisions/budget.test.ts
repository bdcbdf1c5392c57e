import { expect, it } from 'vitest'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import { changeBudget, refusalBudget } from './budget.ts'

const code = (work: () => void) => {
  try {
    work()
    return 'taken'
  } catch (error) {
    return (error as { code: string }).code
  }
}

it('32 refusals at once, then one a minute, and never more than 32 again', () => {
  const clock = new FakeClock()
  const budget = refusalBudget(clock)
  const take = (times: number) => Array.from({ length: times }, () => code(() => budget.take()))
  expect(take(33)).toEqual([...Array.from({ length: 32 }, () => 'taken'), 'runtime_refusals_limited'])
  clock.advance(59_000)
  expect(take(1)).toEqual(['runtime_refusals_limited'])
  clock.advance(1000)
  expect(take(2)).toEqual(['taken', 'runtime_refusals_limited'])
  clock.advance(90_000)
  expect(take(2)).toEqual(['taken', 'runtime_refusals_limited'])
  // The half minute that was left over is not lost.
  clock.advance(30_000)
  expect(take(2)).toEqual(['taken', 'runtime_refusals_limited'])
  clock.advance(1e9)
  expect(take(40).filter((outcome) => outcome === 'taken')).toHaveLength(32)
})

it('what is given back can be taken again, and no more than that', () => {
  const budget = refusalBudget(new FakeClock())
  budget.giveBack()
  for (let index = 0; index < 32; index++) budget.take()
  budget.giveBack()
  expect([code(() => budget.take()), code(() => budget.take())]).toEqual(['taken', 'runtime_refusals_limited'])
})

it('128 changes at once, then one in ten seconds', () => {
  const clock = new FakeClock()
  const budget = changeBudget(clock)
  const take = (times: number) => Array.from({ length: times }, () => code(() => budget.take()))
  expect(take(129)).toEqual([...Array.from({ length: 128 }, () => 'taken'), 'runtime_changes_limited'])
  clock.advance(10_000)
  expect(take(2)).toEqual(['taken', 'runtime_changes_limited'])
})
