import { systemRandomness } from '../../device/crypto/randomness.ts'
import { type Frame, FrameReader, FrameWriter } from './frames.ts'
import { startChild, type WorkerEnd } from './isolated-child.ts'
import type { WorkerCommand } from './isolation.ts'
import { answerLimits, encodeToWorker, type FromWorker, readFromWorker, type ToWorker } from './protocol.ts'
import { SharedInputs } from './shared-inputs.ts'

export interface WorkerEvents {
  /** Undefined: what came is no message of the protocol, or nobody asked for it. Nothing comes after it. */
  message(message: FromWorker | undefined): void
  /** Exactly once, whatever happened; nothing comes after it. */
  ended(end: WorkerEnd): void
}

export interface WorkerChannel {
  readonly pid: number | undefined
  /**
   * Asks the process something, before or after the answer to what was asked before: it answers in that order. Until as
   * many answers are whole it may send, and at no other time.
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
  /** One for each question that is not answered yet, in the order in which they were asked. */
  const readers: AnswerReader[] = []
  let unwritten = 0
  // What systemd starts in a unit of its own inherits nothing from us.
  const shared = 'unit' in command ? undefined : SharedInputs.open(systemRandomness)
  const child = startChild(command, shared === undefined ? [packageFd] : [packageFd, shared.readFd], {
    data: (chunk) => {
      const frames = readFrames(chunk, readers, () => shared?.release())
      // What comes along with something that nobody asked for is no answer either.
      if (frames === 'broken') child.kill()
      for (const frame of frames === 'broken' ? [undefined] : frames)
        events.message(frame === undefined ? undefined : readFromWorker(frame))
    },
    ended: (end) => {
      shared?.close()
      events.ended(end)
    },
  })
  return {
    pid: child.pid,
    send: (message) => {
      if (unwritten > 0) writer.keepRoom()
      const run = message.kind === 'run' ? message : undefined
      const shapes = run && shared?.put(run.inputs)
      const frame = encodeToWorker(run && shapes ? { ...run, inputs: {}, shared: shapes } : message, writer)
      if (frame === undefined) {
        if (shapes !== undefined) shared?.release()
        return false
      }
      readers.push({ reader: new FrameReader(answerLimits(message)), isShared: shapes !== undefined })
      unwritten += 1
      child.write(frame, () => {
        unwritten -= 1
        if (message.kind === 'load') frame.fill(0)
      })
      return true
    },
    hold: (held) => child.hold(held),
    release: () => child.release(),
    kill: () => child.kill(),
  }
}

interface AnswerReader {
  readonly reader: FrameReader
  /** What was asked lies in shared memory. */
  readonly isShared: boolean
}

/** The frames that a chunk completes; the readers of those are done with. */
function readFrames(chunk: Uint8Array, readers: AnswerReader[], release: () => void): Frame[] | 'broken' {
  const frames: Frame[] = []
  for (let rest = chunk; rest.length > 0; ) {
    const { outcome, taken } = readers[0]?.reader.fill(rest) ?? { outcome: 'broken', taken: 0 }
    if (outcome === 'broken') return 'broken'
    if (outcome === 'incomplete') break
    frames.push(outcome)
    if (readers.shift()?.isShared === true) release()
    rest = rest.subarray(taken)
  }
  return frames
}
