import { type Priority, rankOf } from './priority.ts'

export interface CoreSettings {
  readonly cores: number
  /** Cores that only what is asked at the bedside may use; one at least is left to the others. */
  readonly reserved: number
}

/** What a model asks cores for. */
export interface CoreWish {
  readonly threads: number
  readonly priority: Priority
}

/** Cores that a run has until it gives them back. */
export interface CoreHold {
  /** Whether one that is asked so urgently may use them as well. */
  allows(priority: Priority): boolean
  /**
   * @param heldMs for how long it had them
   * @param next what the same model waits with now: it is in turn at once, or others would pass it while it asks
   */
  giveBack(heldMs: number, next?: CoreWish): void
}

/** One model's part of the cores. */
export interface CoreShare {
  /** @returns undefined when there are none, or it is another's turn: `wake` is called when that may have changed */
  take(wish: CoreWish): CoreHold | undefined
  /** Whether nobody waits who is asked as urgently: a hold may then go on without being given back between two runs. */
  mayGoOn(priority: Priority): boolean
  /** It has nothing more to ask for. */
  withdraw(): void
}

interface Member {
  wake(): void
  /** What it waits with; undefined when it does not. */
  wish: CoreWish | undefined
  /** Core-milliseconds it has had, counted from where the others stood when it came back. */
  usedMs: number
  holds: number
}

/**
 * The cores of the box, shared by its models. The threads that run at once are no more than there are cores; some cores are kept
 * for the bedside. When cores are short the most urgent comes first, and among equals the model that has had the least.
 */
export class CoreShares {
  readonly #settings: CoreSettings
  readonly #members = new Set<Member>()
  /** Those with a wish. */
  readonly #waiting = new Set<Member>()
  #held = 0
  /** Of what is not asked at the bedside. */
  #heldByOthers = 0
  /** Where the last one that got cores stood: whoever comes back after a rest starts from here, and has no credit of the past. */
  #levelMs = 0

  constructor({ cores, reserved }: CoreSettings) {
    this.#settings = { cores: Math.max(1, cores), reserved: Math.max(0, Math.min(reserved, Math.max(1, cores) - 1)) }
  }

  /** The most threads that one model may have: a run of any priority then has cores to run on. */
  get widest(): number {
    return this.#settings.cores - this.#settings.reserved
  }

  /** @param wake is called when cores may be had; what it does then is take them, or withdraw */
  join(wake: () => void): CoreShare & { leave(): void } {
    const member: Member = { wake, wish: undefined, usedMs: this.#levelMs, holds: 0 }
    this.#members.add(member)
    return {
      take: (wish) => this.#take(member, wish),
      mayGoOn: (priority) => ![...this.#waiting].some((other) => rankIn(other) <= rankOf(priority)),
      withdraw: () => this.#withdraw(member),
      leave: () => {
        this.#members.delete(member)
        this.#wish(member, undefined)
        this.#wakeNext()
      },
    }
  }

  #take(member: Member, wish: CoreWish): CoreHold | undefined {
    const threads = Math.min(wish.threads, this.widest)
    // A rest earns nothing.
    if (member.holds === 0 && member.wish === undefined) member.usedMs = Math.max(member.usedMs, this.#levelMs)
    this.#wish(member, wish)
    const isTurn = this.#waiting.size === 1 || ![...this.#waiting].some((other) => byTurn(other, member) < 0)
    if (!isTurn || !this.#fits(threads, wish.priority)) return undefined
    this.#wish(member, undefined)
    member.holds += 1
    this.#levelMs = Math.max(this.#levelMs, member.usedMs)
    return this.#hold(member, threads, wish.priority)
  }

  #hold(member: Member, threads: number, priority: Priority): CoreHold {
    const others = priority === 'bedside' ? 0 : threads
    this.#held += threads
    this.#heldByOthers += others
    let isHeld = true
    const giveBack = (heldMs: number, next?: CoreWish) => {
      if (!isHeld) return
      isHeld = false
      this.#held -= threads
      this.#heldByOthers -= others
      member.holds -= 1
      member.usedMs += threads * heldMs
      if (this.#members.has(member)) this.#wish(member, member.wish ?? next)
      this.#wakeNext()
    }
    return { allows: (other) => others > 0 || other === 'bedside', giveBack }
  }

  #withdraw(member: Member): void {
    if (member.wish === undefined) return
    this.#wish(member, undefined)
    this.#wakeNext()
  }

  #wish(member: Member, wish: CoreWish | undefined): void {
    member.wish = wish
    if (wish === undefined) this.#waiting.delete(member)
    else this.#waiting.add(member)
  }

  #fits(threads: number, priority: Priority): boolean {
    if (this.#held + threads > this.#settings.cores) return false
    return priority === 'bedside' || this.#heldByOthers + threads <= this.widest
  }

  /** In the order of their turns, as far as the cores go: nobody passes one who waits for more. */
  #wakeNext(): void {
    for (const member of [...this.#waiting].sort(byTurn)) {
      const { wish } = member
      if (wish === undefined) continue
      if (!this.#fits(Math.min(wish.threads, this.widest), wish.priority)) return
      member.wake()
    }
  }
}

function byTurn(one: Member, other: Member): number {
  const ranks = rankIn(one) - rankIn(other)
  return ranks === 0 ? one.usedMs - other.usedMs : ranks
}

function rankIn({ wish }: Member): number {
  return wish === undefined ? Number.POSITIVE_INFINITY : rankOf(wish.priority)
}
