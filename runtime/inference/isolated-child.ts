import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import type { ChildEvents, IsolatedChild } from './child-channel.ts'
import type { WorkerCommand } from './isolation.ts'
import { startInUnit } from './unit-child.ts'

export type { ChildEvents, IsolatedChild, WorkerEnd } from './child-channel.ts'

/** The number under which a child inherits its channel; 0 to 2 are the standard streams. */
const CHANNEL_FD = 3
const STDERR_TAIL_BYTES = 8192
/** Our children write a line or two. One that writes more would keep us busy reading it. */
const STDERR_MAX_BYTES = 1024 * 1024
/** Standard error may close after the exit is known; longer than this nobody waits for the last words. */
const LAST_WORDS_MS = 100
const OUT_OF_MEMORY = /out of memory|bad_alloc|allocation failed/i

/**
 * Starts a process with one end of a pair of sockets, and with `descriptors` behind it. It has no standard output, and what it
 * writes to standard error is only searched for its last words: they can quote what it was given. One that stands in a unit is
 * asked for instead (unit-child.ts); it gets the first of the descriptors at most.
 */
export function startChild(command: WorkerCommand, descriptors: readonly number[], events: ChildEvents): IsolatedChild {
  if (command.unit !== undefined) return startInUnit(command.unit, descriptors[0], events)
  const child = spawn(command.file, command.args, {
    env: { ...command.env },
    cwd: '/',
    // A session and process group of its own: an interrupt typed at a terminal goes to us, and we stop in our order.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', ...descriptors],
  })
  // Node makes such a `pipe` of two connected Unix sockets, so it goes both ways. Missing when nothing could be started.
  const socket = child.stdio[CHANNEL_FD] as Socket | null | undefined
  const kill = () => {
    killGroup(child)
    socket?.destroy()
  }
  watchEnd(child, events, kill)
  giveWay(child)
  socket?.on('data', (chunk: Buffer) => {
    if (!socket.destroyed) events.data(chunk)
  })
  // Its close follows, and says all there is to say.
  socket?.on('error', () => {})
  // A process that has closed its channel is of no use, even when it still runs. Mostly it is dying, and says of what.
  socket?.on('close', () => setTimeout(kill, LAST_WORDS_MS).unref())
  return {
    pid: child.pid,
    write: (bytes, written) => socket?.write(bytes, () => written?.()) ?? false,
    whenDrained: (drained) => socket?.once('drain', drained),
    hold: (held) => hold([child, socket, child.stderr as Socket | null], held),
    release: () => socket?.end(),
    kill,
  }
}

/** As nice(1) counts: where cores are short the others get about three times as much of them. */
const NICENESS = 5
/** The kernel takes ten such changes a second from an ordinary account, and asks for the others again. */
const AGAIN_MS = 150
const MAX_ATTEMPTS = 3

/**
 * A computation goes second where cores are short: the thread that answers the bedside is ours. Where the kernel schedules by
 * session (autogroup, sched(7)) the niceness is that of the session, and each child has its own; in the units of systemd
 * their slice says it. A kernel that does neither runs it like everything else.
 */
function giveWay(child: ChildProcess, attempt = 1): void {
  try {
    writeFileSync(`/proc/${child.pid}/autogroup`, String(NICENESS))
  } catch (error) {
    const isAskedAgain = (error as NodeJS.ErrnoException).code === 'EAGAIN' && attempt < MAX_ATTEMPTS
    const again = () => child.exitCode === null && child.signalCode === null && giveWay(child, attempt + 1)
    if (isAskedAgain) setTimeout(again, AGAIN_MS * attempt).unref()
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

function watchEnd(child: ChildProcess, events: ChildEvents, kill: () => void): void {
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
