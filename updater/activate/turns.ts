/** Whoever has a turn may work; the others wait in the order in which they came. */
export class Turns {
  readonly #queues = new Map<string, { free: number; waiting: (() => void)[] }>()

  /**
   * @param capacity how many may have a turn of this name at a time
   * @returns gives the turn back; called twice, it changes nothing more
   * @throws the signal's reason when it is aborted before the turn comes
   */
  async take(name: string, signal: AbortSignal, capacity = 1): Promise<() => void> {
    signal.throwIfAborted()
    const queue = this.#queues.get(name) ?? { free: capacity, waiting: [] }
    this.#queues.set(name, queue)
    if (queue.free > 0) queue.free--
    else await waitIn(queue.waiting, signal)
    let isHeld = true
    return () => {
      if (isHeld) this.#give(name, queue, capacity)
      isHeld = false
    }
  }

  #give(name: string, queue: { free: number; waiting: (() => void)[] }, capacity: number): void {
    const next = queue.waiting.shift()
    if (next !== undefined) {
      next()
      return
    }
    queue.free++
    if (queue.free === capacity) this.#queues.delete(name)
  }
}

function waitIn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      waiting.splice(waiting.indexOf(enter), 1)
      reject(signal.reason)
    }
    const enter = () => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    waiting.push(enter)
    signal.addEventListener('abort', leave, { once: true })
  })
}
