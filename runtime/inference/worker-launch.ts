import { FrameReader, FrameWriter } from './frames.ts'
import { startChild, type WorkerEnd } from './isolated-child.ts'
import type { WorkerCommand } from './isolation.ts'
import { answerLimits, encodeToWorker, type FromWorker, readFromWorker, type ToWorker } from './protocol.ts'

export interface WorkerEvents {
  /** Undefined: what came is no message of the protocol, or nobody asked for it. Nothing comes after it. */
  message(message: FromWorker | undefined): void
  /** Exactly once, whatever happened; nothing comes after it. */
  ended(end: WorkerEnd): void
}

export interface WorkerChannel {
  readonly pid: number | undefined
  /**
   * Asks the process something; until its one answer is whole it may send, and at no other time.
   * @returns false when the message is larger than the channel takes: nothing was sent.
   */
  send(message: ToWorker): boolean
  /** Whether the process keeps ours alive: while it is loading or busy, not while it is idle. */
  hold(held: boolean): void
  /** Closes the channel: an idle process leaves by itself. */
  release(): void
  /** Ends the process and, through its namespace, everything inside. */
  kill(): void
}

/**
 * Starts a worker process with the package as an inherited descriptor. The channel's number and the package's
 * (protocol.ts) are the order in which they are passed on.
 */
export function launchWorker(command: WorkerCommand, packageFd: number, events: WorkerEvents): WorkerChannel {
  const writer = new FrameWriter()
  let reader: FrameReader | undefined
  const child = startChild(command, [packageFd], {
    data: (chunk) => {
      const frame = reader?.push(chunk) ?? 'broken'
      if (frame === 'incomplete') return
      reader = undefined
      if (frame === 'broken') child.kill()
      events.message(frame === 'broken' ? undefined : readFromWorker(frame))
    },
    ended: (end) => events.ended(end),
  })
  return {
    pid: child.pid,
    send: (message) => {
      const frame = encodeToWorker(message, writer)
      if (frame === undefined) return false
      reader = new FrameReader(answerLimits(message))
      child.write(frame, () => message.kind === 'load' && frame.fill(0))
      return true
    },
    hold: (held) => child.hold(held),
    release: () => child.release(),
    kill: () => child.kill(),
  }
}
