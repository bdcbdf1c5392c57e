import { expect, it } from 'vitest'
import { fuzz, mutate, seededNumbers } from './testkit/fuzz.ts'
import { makeSamples } from './testkit/samples.ts'

it('two thousand damaged images each end as an image or with a code', async () => {
  const { faults, read, refused } = await fuzz(await makeSamples(), { seed: 20_261, runs: 2000 })
  expect(faults).toEqual([])
  expect(read + refused).toBe(2000)
  // Damage that is never noticed, or always, would prove nothing.
  expect(read).toBeGreaterThan(50)
  expect(refused).toBeGreaterThan(1000)
}, 120_000)

it('a run depends on its seed alone', () => {
  const bytes = Buffer.alloc(700, 7)
  expect(mutate(bytes, seededNumbers(5))).toEqual(mutate(bytes, seededNumbers(5)))
  expect(mutate(bytes, seededNumbers(5))).not.toEqual(mutate(bytes, seededNumbers(6)))
})
