import { spawn } from 'node:child_process'

/** What systemd says to a service in its environment (sd_notify(3), sd_watchdog_enabled(3)); only an entry in bin/ has it to give. */
export interface ManagerEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined
  readonly WATCHDOG_USEC?: string | undefined
  readonly WATCHDOG_PID?: string | undefined
}

/** The service manager that started this process, as far as it wants to hear of it. Without one every call does nothing. */
export interface ServiceManager {
  /** It serves: the manager may start what waits for it, and minds the watchdog from now on. Not once it is on its way out. */
  ready(): void
  /** It is on its way out by request. */
  stopping(): void
  /** Says no more; what is on its way still gets there. */
  close(): Promise<void>
}

/** Node has no datagram sockets of the unix kind, and systemd hears no others. The tool is part of systemd itself. */
const NOTIFY_PROGRAM = '/usr/bin/systemd-notify'
/** A manager that does not take a word in this time has other troubles. */
const NOTIFY_LIMIT_MS = 10_000
/** Signs of life in one period of the watchdog: two may be lost. */
const SIGNS_PER_PERIOD = 3
/** Between signs of life while it starts, and where there is no watchdog. */
const STARTING_EVERY_MS = 10_000
/** What each sign of life adds to the time that a start may take. */
const STARTING_EXTENDS_MS = 60_000

const silent: ServiceManager = { ready: () => {}, stopping: () => {}, close: async () => {} }

/**
 * Signs of life come from a timer of the main loop and from nowhere else: a loop that is stuck gives none, and the manager ends
 * the process. Before it is ready each one extends the time for the start instead, so that a long start is told from one that
 * hangs.
 * @param pid this process; a watchdog that is meant for another is not fed
 * @param program stands for `systemd-notify` in a test
 */
export function openServiceManager(
  environment: ManagerEnvironment,
  pid: number,
  program = NOTIFY_PROGRAM,
): ServiceManager {
  const socket = environment.NOTIFY_SOCKET
  if (socket === undefined || socket === '') return silent
  const tell = speaker(socket, program)
  const watchdogMs = watchdogMsOf(environment, pid)
  const extend = () => tell.soon(`EXTEND_TIMEOUT_USEC=${STARTING_EXTENDS_MS * 1000}`)
  let timer: NodeJS.Timeout | undefined = setInterval(extend, STARTING_EVERY_MS).unref()
  let isLeaving = false
  const stopTimer = () => {
    clearInterval(timer)
    timer = undefined
  }
  return {
    ready: () => {
      if (isLeaving) return
      stopTimer()
      tell.surely('READY=1')
      if (watchdogMs === undefined) return
      timer = setInterval(() => tell.soon('WATCHDOG=1'), watchdogMs / SIGNS_PER_PERIOD).unref()
    },
    // The signs of life go on: a stop can hang as a service can.
    stopping: () => {
      isLeaving = true
      tell.surely('STOPPING=1')
    },
    close: () => {
      stopTimer()
      return tell.done()
    },
  }
}

/** Milliseconds; undefined when no watchdog runs, or one for another process. */
function watchdogMsOf(environment: ManagerEnvironment, pid: number): number | undefined {
  const { WATCHDOG_USEC = '', WATCHDOG_PID = String(pid) } = environment
  if (!/^[1-9]\d{3,14}$/.test(WATCHDOG_USEC) || WATCHDOG_PID !== String(pid)) return undefined
  return Number(WATCHDOG_USEC) / 1000
}

/** One word at a time, in order: `surely` waits for its turn, `soon` is dropped while another word is on its way. */
function speaker(socket: string, program: string) {
  let last: Promise<void> = Promise.resolve()
  let underWay = 0
  const surely = (word: string) => {
    underWay += 1
    last = last.then(async () => {
      await send(socket, program, word)
      underWay -= 1
    })
  }
  return {
    surely,
    soon: (word: string) => {
      if (underWay === 0) surely(word)
    },
    done: () => last,
  }
}

/** Resolves when the tool is gone. What it could not say, the manager finds out by itself: a service has nobody else to tell. */
function send(socket: string, program: string, word: string): Promise<void> {
  return new Promise((resolve) => {
    const tool = spawn(program, [word], {
      env: { NOTIFY_SOCKET: socket },
      stdio: 'ignore',
      timeout: NOTIFY_LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    tool.on('error', () => resolve())
    tool.on('exit', () => resolve())
  })
}
