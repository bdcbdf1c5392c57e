import { type Priority, priorities, rankOf } from './priority.ts'

/** What the order of a queue depends on. */
export interface Waiting {
  readonly priority: Priority
  /** Undefined stands for the box itself. */
  readonly client: string | undefined
  readonly deadlineMs: number
  readonly inputBytes: number
}

type Newcomer = Pick<Waiting, 'priority' | 'client'>

/**
 * Who is next: the most urgent class first; within a class the clients take turns, so that one with hundreds delays another
 * by one of them; of one client the earliest deadline first, and what came first where they are the same. What was begun
 * and has to be done again comes before the rest of its class.
 */
export class PriorityQueue<Item extends Waiting> {
  readonly #classes: readonly ClassQueue<Item>[] = priorities.map(() => new ClassQueue<Item>())

  get size(): number {
    let size = 0
    for (const own of this.#classes) size += own.size
    return size
  }

  get bytes(): number {
    return this.#classes.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  add(item: Item): void {
    this.#classOf(item).add(item)
  }

  /** Puts back what was taken out, before everything of its class. */
  addAgain(item: Item): void {
    this.#classOf(item).addAgain(item)
  }

  /** @returns whether it was there */
  remove(item: Item): boolean {
    return this.#classOf(item).remove(item)
  }

  /** The next one, which stays. */
  peek(): Item | undefined {
    return this.#classes.find((own) => own.size > 0)?.first()
  }

  /** The next one; its client is last in its class then. */
  take(): Item | undefined {
    const item = this.peek()
    if (item !== undefined) this.#classOf(item).take(item)
    return item
  }

  /** Takes those that `suits`, of the class alone, in their order, as many as `most`. */
  takeSuch(priority: Priority, most: number, suits: (item: Item) => boolean): Item[] {
    const own = this.#classOf({ priority })
    const taken: Item[] = []
    for (const item of own.inOrder()) {
      if (taken.length >= most) break
      if (suits(item)) taken.push(item)
    }
    for (const item of taken) own.take(item)
    return taken
  }

  /** How many of the class `suits`, counted no further than `most`. */
  countSuch(priority: Priority, most: number, suits: (item: Item) => boolean): number {
    let count = 0
    for (const item of this.#classOf({ priority }).inOrder()) {
      if (suits(item)) count += 1
      if (count >= most) break
    }
    return count
  }

  /** Those that would be served before a newcomer, if nobody else came. */
  ahead(newcomer: Newcomer): Item[] {
    const before = this.#classes.slice(0, rankOf(newcomer.priority)).flatMap((own) => [...own.inOrder()])
    return [...before, ...this.#classOf(newcomer).ahead(newcomer.client)]
  }

  /** Those that wait in this class and in those before it: how many, and their bytes. */
  upTo(priority: Priority): { readonly size: number; readonly bytes: number } {
    const counted = this.#classes.slice(0, rankOf(priority) + 1)
    const sum = (of: 'size' | 'bytes') => counted.reduce((total, own) => total + own[of], 0)
    return { size: sum('size'), bytes: sum('bytes') }
  }

  /** What one client has waiting in this class and in those before it. */
  ownUpTo({ priority, client }: Newcomer): readonly Item[] {
    return this.#classes.slice(0, rankOf(priority) + 1).flatMap((own) => own.of(client))
  }

  /** The last of the least urgent class, if that is less urgent than `priority`. */
  lastBelow(priority: Priority): Item | undefined {
    for (const own of this.#classes.slice(rankOf(priority) + 1).toReversed()) {
      const last = [...own.inOrder()].at(-1)
      if (last !== undefined) return last
    }
    return undefined
  }

  all(): Item[] {
    return this.#classes.flatMap((own) => [...own.inOrder()])
  }

  #classOf({ priority }: Pick<Waiting, 'priority'>): ClassQueue<Item> {
    return this.#classes[rankOf(priority)] as ClassQueue<Item>
  }
}

/** One class: clients in the order of their turns, each with its own by deadline. */
class ClassQueue<Item extends Waiting> {
  /** None is empty. */
  readonly #turns = new Map<string | undefined, Item[]>()
  readonly #again: Item[] = []
  size = 0
  bytes = 0

  add(item: Item): void {
    const own = this.#turns.get(item.client)
    if (own === undefined) this.#turns.set(item.client, [item])
    else own.splice(placeOf(item.deadlineMs, own), 0, item)
    this.#count(item, 1)
  }

  addAgain(item: Item): void {
    this.#again.push(item)
    this.#count(item, 1)
  }

  remove(item: Item): boolean {
    const own = this.#turns.get(item.client) ?? []
    const isHere = removeFrom(this.#again, item) || removeFrom(own, item)
    if (!isHere) return false
    this.#count(item, -1)
    if (own.length === 0) this.#turns.delete(item.client)
    return true
  }

  /** Removes it; its client is last then. */
  take(item: Item): void {
    const isTurn = !this.#again.includes(item)
    this.remove(item)
    const own = this.#turns.get(item.client)
    if (!isTurn || own === undefined) return
    this.#turns.delete(item.client)
    this.#turns.set(item.client, own)
  }

  of(client: string | undefined): Item[] {
    return [...this.#again.filter((item) => item.client === client), ...(this.#turns.get(client) ?? [])]
  }

  first(): Item | undefined {
    const [own] = this.#turns.values()
    return this.#again[0] ?? own?.[0]
  }

  *inOrder(): Generator<Item, void, undefined> {
    yield* this.#again
    let turns = [...this.#turns.values()]
    for (let round = 0; turns.length > 0; round += 1) {
      for (const own of turns) yield own[round] as Item
      turns = turns.filter((own) => own.length > round + 1)
    }
  }

  /** Whoever has none here is last; whoever has some keeps its turn, and its new one comes behind them. */
  ahead(client: string | undefined): Item[] {
    const own = this.#turns.get(client)?.length ?? 0
    let hasPassed = false
    const before: Item[] = [...this.#again]
    for (const [other, items] of this.#turns) {
      if (other === client) hasPassed = true
      before.push(...items.slice(0, other === client || hasPassed ? own : own + 1))
    }
    return before
  }

  #count({ inputBytes }: Item, by: 1 | -1): void {
    this.size += by
    this.bytes += by * inputBytes
  }
}

/** Behind all with a deadline as early. */
function placeOf(deadlineMs: number, own: readonly Waiting[]): number {
  const before = own.findLastIndex((item) => item.deadlineMs <= deadlineMs)
  return before + 1
}

function removeFrom<Item>(list: Item[], item: Item): boolean {
  const index = list.indexOf(item)
  if (index >= 0) list.splice(index, 1)
  return index >= 0
}
