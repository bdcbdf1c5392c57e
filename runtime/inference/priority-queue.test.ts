import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Priority, priorities, rankOf } from './priority.ts'
import { PriorityQueue, type Waiting } from './priority-queue.ts'

interface Item extends Waiting {
  readonly id: number
}

let lastId = 0
function item(priority: Priority, client: string | undefined = 'a', deadlineMs = 1000): Item {
  lastId += 1
  return { id: lastId, priority, client, deadlineMs, inputBytes: 8 }
}

function drain(queue: PriorityQueue<Item>): Item[] {
  const order: Item[] = []
  for (let next = queue.take(); next !== undefined; next = queue.take()) order.push(next)
  return order
}

const items = fc.array(
  fc
    .tuple(fc.constantFrom(...priorities), fc.constantFrom('a', 'b', 'c', undefined), fc.integer({ min: 1, max: 50 }))
    .map(([priority, client, deadlineMs]) => item(priority, client, deadlineMs)),
  { maxLength: 60 },
)

function filled(list: readonly Item[]): PriorityQueue<Item> {
  const queue = new PriorityQueue<Item>()
  for (const one of list) queue.add(one)
  return queue
}

test('everything leaves once, the more urgent before the less, and of one client the earlier deadline first', () => {
  fc.assert(
    fc.property(items, (list) => {
      const order = drain(filled(list))
      expect(order.map(({ id }) => id).sort((a, b) => a - b)).toEqual(list.map(({ id }) => id).sort((a, b) => a - b))
      const ranks = order.map(({ priority }) => rankOf(priority))
      expect(ranks).toEqual(ranks.toSorted((a, b) => a - b))
      for (const priority of priorities)
        for (const client of ['a', 'b', 'c', undefined]) {
          const own = order.filter((one) => one.priority === priority && one.client === client)
          const sorted = own.toSorted((a, b) => a.deadlineMs - b.deadlineMs || a.id - b.id)
          expect(own).toEqual(sorted)
        }
    }),
  )
})

test('nobody waits for more than one of each other client between two of its own', () => {
  fc.assert(
    fc.property(items, (list) => {
      const order = drain(filled(list)).filter(({ priority }) => priority === 'batch')
      order.forEach((one, index) => {
        const before = order.slice(0, index).findLastIndex(({ client }) => client === one.client)
        const between = order.slice(before + 1, index).map(({ client }) => client)
        expect(new Set(between).size).toBe(between.length)
      })
    }),
  )
})

test('who is said to be ahead of a newcomer is who leaves before it', () => {
  fc.assert(
    fc.property(items, fc.constantFrom(...priorities), fc.constantFrom('a', 'b', 'z'), (list, priority, client) => {
      const queue = filled(list)
      const newcomer = item(priority, client, 1000)
      const ahead = new Set(queue.ahead(newcomer))
      queue.add(newcomer)
      const order = drain(queue)
      expect(new Set(order.slice(0, order.indexOf(newcomer)))).toEqual(ahead)
    }),
  )
})

test('sizes and bytes are of what is there, whatever is taken, removed or put back', () => {
  fc.assert(
    fc.property(items, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), (list, choices) => {
      const queue = filled(list)
      const here = new Set(list)
      for (const one of list) {
        const choice = choices.next().value
        if (choice === 0 && queue.remove(one)) here.delete(one)
        if (choice === 1) {
          const taken = queue.take()
          if (taken !== undefined) here.delete(taken)
        }
        if (choice === 2 && !here.has(one)) {
          queue.addAgain(one)
          here.add(one)
        }
        expect(queue.size).toBe(here.size)
        expect(queue.bytes).toBe(8 * here.size)
        expect(new Set(queue.all())).toEqual(here)
      }
    }),
  )
})

test('what was begun comes before the rest of its class, and behind what is more urgent', () => {
  const queue = filled([item('batch'), item('bedside')])
  const again = item('batch')
  queue.addAgain(again)
  expect(drain(queue).map(({ priority }) => priority)).toEqual(['bedside', 'batch', 'batch'])
  queue.add(item('batch'))
  queue.addAgain(again)
  expect(queue.take()).toBe(again)
})

test('only what is alike and of the same class is taken along, in order, and its clients are last then', () => {
  const list = [item('batch', 'a'), item('batch', 'b'), item('bedside', 'c'), item('batch', 'a'), item('batch', 'c')]
  const queue = filled(list)
  const even = (one: Item) => one !== list[1]
  expect(queue.countSuch('batch', 10, even)).toBe(3)
  expect(queue.takeSuch('batch', 2, even)).toEqual([list[0], list[4]])
  expect(drain(queue)).toEqual([list[2], list[1], list[3]])
})

test('the last of the least urgent is what gives way, and never to its own class', () => {
  const list = [item('reading-room', 'a'), item('batch', 'a'), item('batch', 'b')]
  const queue = filled(list)
  expect(queue.lastBelow('bedside')).toBe(list[2])
  expect(queue.lastBelow('batch')).toBeUndefined()
})
