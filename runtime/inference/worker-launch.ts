import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { FrameReader, FrameWriter } from './frames.ts'
import type { WorkerCommand } from './isolation.ts'
import { answerLimits, CHANNEL_FD, encodeToWorker, type FromWorker, readFromWorker, type ToWorker } from './protocol.ts'

/** How a process ended: an identifier for status and log, and whether its last words were that memory ran out. */
export interface WorkerEnd {
  readonly how: string
  readonly outOfMemory: boolean
}

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

const STDERR_TAIL_BYTES = 8192
/** Our workers write a line or two. One that writes more would keep us busy reading it. */
const STDERR_MAX_BYTES = 1024 * 1024
/** Standard error may close after the exit is known; longer than this nobody waits for the last words. */
const LAST_WORDS_MS = 100
const OUT_OF_MEMORY = /out of memory|bad_alloc|allocation failed/i

/**
 * Starts a worker process with the package as an inherited descriptor, and one end of a pair of sockets. It has no
 * standard output, and what it writes to standard error is only searched for its last words: the runtime's texts can
 * quote an element of an input.
 */
export function launchWorker(command: WorkerCommand, packageFd: number, events: WorkerEvents): WorkerChannel {
  const child = spawn(command.file, command.args, {
    env: { ...command.env },
    cwd: '/',
    // A session and process group of its own: an interrupt typed at a terminal goes to us, and we stop in our order.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', packageFd],
  })
  // Node makes such a `pipe` of two connected Unix sockets, so it goes both ways. Missing when nothing could be started.
  const socket = child.stdio[CHANNEL_FD] as Socket | null | undefined
  const writer = new FrameWriter()
  let reader: FrameReader | undefined
  const kill = () => {
    killGroup(child)
    socket?.destroy()
  }
  watchEnd(child, events, kill)
  socket?.on('data', (chunk: Buffer) => {
    if (socket.destroyed) return
    const frame = reader?.push(chunk) ?? 'broken'
    if (frame === 'incomplete') return
    reader = undefined
    if (frame === 'broken') kill()
    events.message(frame === 'broken' ? undefined : readFromWorker(frame))
  })
  // Its close follows, and says all there is to say.
  socket?.on('error', () => {})
  // A process that has closed its channel is of no use, even when it still runs. Mostly it is dying, and says of what.
  socket?.on('close', () => setTimeout(kill, LAST_WORDS_MS).unref())
  return {
    pid: child.pid,
    send: (message) => {
      const frame = encodeToWorker(message, writer)
      if (frame === undefined) return false
      reader = new FrameReader(answerLimits(message))
      socket?.write(frame, () => message.kind === 'load' && frame.fill(0))
      return true
    },
    hold: (held) => hold([child, socket, child.stderr as Socket | null], held),
    release: () => socket?.end(),
    kill,
  }
}

/** All of it at once: bubblewrap, its reaper and the process inside. A group that is gone already is no fault. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL')
  }
}

function hold(
  parts: readonly (Pick<Socket, 'ref' | 'unref'> | ChildProcess | null | undefined)[],
  held: boolean,
): void {
  for (const part of parts) {
    if (held) part?.ref()
    else part?.unref()
  }
}

function watchEnd(child: ChildProcess, events: WorkerEvents, kill: () => void): void {
  let tail = ''
  let written = 0
  let how: string | undefined
  let ended = false
  const end = () => {
    if (ended) return
    ended = true
    events.ended({ how: how ?? 'not-started', outOfMemory: OUT_OF_MEMORY.test(tail) })
  }
  child.stderr?.setEncoding('latin1')
  child.stderr?.on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL_BYTES)
    written += text.length
    if (written > STDERR_MAX_BYTES) kill()
  })
  child.on('exit', (code, signal) => {
    how = signal ?? exitName(code ?? 0)
    setTimeout(end, LAST_WORDS_MS)
  })
  child.on('close', end)
  // Only a process that never started has no exit to come.
  child.on('error', () => child.pid === undefined && end())
}

/** bubblewrap leaves with 128 + the signal that ended the process inside, as a shell does. */
function exitName(code: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - 128)
  return signal?.[0] ?? `exit-${code}`
}
