import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CoreHold, CoreShares } from './core-shares.ts'
import { type Priority, priorities } from './priority.ts'

/** A model that always has something to ask, and holds what it gets until it is told. */
function member(cores: CoreShares, threads: number, priority: Priority) {
  const one = {
    holds: [] as CoreHold[],
    share: cores.join(() => one.ask()),
    wants: false,
    priority,
    threads,
    ask() {
      if (!one.wants) return one.share.withdraw()
      const hold = one.share.take({ threads, priority: one.priority })
      if (hold === undefined) return
      one.wants = false
      one.holds.push(hold)
    },
    want() {
      one.wants = true
      one.ask()
    },
    finish(ms: number) {
      one.holds.shift()?.giveBack(ms)
    },
    finishAndWant(ms: number) {
      one.wants = true
      one.holds.shift()?.giveBack(ms, { threads, priority: one.priority })
      one.ask()
    },
  }
  return one
}

test('no more threads run at once than there are cores, and those kept for the bedside are used by nobody else', () => {
  const moves = fc.array(fc.tuple(fc.nat(5), fc.boolean(), fc.nat(50)), { maxLength: 120 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(4), moves, (count, reserved, steps) => {
      const cores = new CoreShares({ cores: count, reserved })
      const members = [0, 1, 2, 3, 4, 5].map((index) =>
        member(cores, 1 + (index % 3), priorities[index % 3] as Priority),
      )
      for (const [index, wants, ms] of steps) {
        const one = members[index] as (typeof members)[number]
        if (wants) one.want()
        else one.finish(ms)
        const width = (own: typeof one) => own.holds.length * Math.min(own.threads, cores.widest)
        const sum = (of: readonly (typeof one)[]) => of.reduce((total, own) => total + width(own), 0)
        expect(sum(members)).toBeLessThanOrEqual(count)
        expect(sum(members.filter(({ priority }) => priority !== 'bedside'))).toBeLessThanOrEqual(cores.widest)
      }
      // Everybody who waits is served once the others have finished.
      for (const one of members) if (!one.wants) one.share.withdraw()
      for (let round = 0; round < 200; round += 1) for (const one of members) one.finish(1)
      expect(members.every(({ wants }) => !wants)).toBe(true)
    }),
  )
})

test('on two cores a bedside request runs while an imaging model has all it may have', () => {
  const cores = new CoreShares({ cores: 2, reserved: 1 })
  const imaging = member(cores, 4, 'reading-room')
  const other = member(cores, 1, 'batch')
  const bedside = member(cores, 1, 'bedside')
  imaging.want()
  other.want()
  bedside.want()
  expect([imaging, other, bedside].map(({ holds }) => holds.length)).toEqual([1, 0, 1])
})

test('models that ask without end get the same share of the cores, whatever one run of theirs takes', () => {
  const cores = new CoreShares({ cores: 2, reserved: 1 })
  const members = [
    { one: member(cores, 1, 'reading-room'), ms: 50, had: 0 },
    { one: member(cores, 1, 'reading-room'), ms: 5, had: 0 },
    { one: member(cores, 1, 'reading-room'), ms: 1, had: 0 },
  ]
  for (const { one } of members) one.want()
  for (let round = 0; round < 20_000; round += 1) {
    const running = members.find(({ one }) => one.holds.length > 0)
    if (running === undefined) break
    running.had += running.ms
    running.one.finishAndWant(running.ms)
  }
  const had = members.map((each) => each.had)
  expect(Math.max(...had) - Math.min(...had)).toBeLessThan(0.02 * Math.max(...had))
})

test('a rest earns no credit: who comes back does not keep the cores from the others', () => {
  const cores = new CoreShares({ cores: 1, reserved: 0 })
  const busy = member(cores, 1, 'batch')
  const rested = member(cores, 1, 'batch')
  for (let round = 0; round < 100; round += 1) {
    busy.want()
    busy.finish(100)
  }
  const had = { busy: 0, rested: 0 }
  busy.want()
  rested.want()
  for (let round = 0; round < 100; round += 1) {
    const name = busy.holds.length > 0 ? 'busy' : 'rested'
    const one = name === 'busy' ? busy : rested
    had[name] += 10
    one.finishAndWant(10)
  }
  expect(had.busy).toBeGreaterThan(400)
})

test('a stream of requests gives way to whoever waits and is as urgent, and not to who is less so', () => {
  const cores = new CoreShares({ cores: 1, reserved: 0 })
  const stream = member(cores, 1, 'reading-room')
  const batch = member(cores, 1, 'batch')
  const equal = member(cores, 1, 'reading-room')
  stream.want()
  batch.want()
  expect(stream.share.mayGoOn('reading-room')).toBe(true)
  equal.want()
  expect(stream.share.mayGoOn('reading-room')).toBe(false)
  expect(stream.share.mayGoOn('bedside')).toBe(true)
})

test('what is held for the bedside is not used for anything less urgent', () => {
  const cores = new CoreShares({ cores: 2, reserved: 1 })
  const bedside = cores.join(() => {}).take({ threads: 1, priority: 'bedside' })
  const reading = cores.join(() => {}).take({ threads: 1, priority: 'reading-room' })
  expect([bedside?.allows('bedside'), bedside?.allows('batch')]).toEqual([true, false])
  expect([reading?.allows('bedside'), reading?.allows('batch')]).toEqual([true, true])
})
