import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { environment, pinnedNode, say } from './setup-state.mjs'

/**
 * The terminal sends Ctrl-C to every process of its group, and npm passes it on once more. The same signal within this
 * time is therefore one request, not two; a person who presses again later is heard again.
 */
const REPEAT_MS = 1000

/** The terminal going away must end the program in order, not at once. */
const forwarded = { SIGINT: 'SIGINT', SIGTERM: 'SIGTERM', SIGHUP: 'SIGTERM' }

/**
 * Runs the pinned Node and ends as it ends. The program gets a session of its own, so that a signal reaches it once,
 * through here, whether it came from a terminal, from npm or from `kill`; this process waits for its orderly end.
 */
export function runPinned(root, args) {
  const [file, ...before] = [...lifeline(), join(root, pinnedNode), '--disable-sigusr1']
  // Listening starts before the program does, so that no moment is unguarded.
  const running = { child: undefined }
  const stopForwarding = forwardSignals(running)
  const child = spawn(file, [...before, ...args], { stdio: 'inherit', detached: true, env: environment(root) })
  running.child = child
  child.on('error', (error) => {
    say(`the pinned Node could not be started (${error.code}). Remove node_modules and start again.`)
    process.exit(70)
  })
  child.on('exit', (code, signal) => {
    stopForwarding()
    if (signal === null) process.exit(code ?? 70)
    // The caller shall see the signal itself; should it not end us, its exit code says the same.
    process.exitCode = 128 + constants.signals[signal]
    process.kill(process.pid, signal)
  })
}

/**
 * Should this process be killed outright, the kernel asks the program to stop (once for each of our threads, so perhaps
 * several times); without setpriv it would live on.
 */
function lifeline() {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path))
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'TERM', '--']
}

function forwardSignals(running) {
  let last = { name: '', atMs: Number.NEGATIVE_INFINITY }
  const handlers = Object.entries(forwarded).map(([name, sent]) => {
    const handler = () => {
      const atMs = performance.now()
      if (last.name === name && atMs - last.atMs < REPEAT_MS) return
      last = { name, atMs }
      running.child?.kill(sent)
    }
    process.on(name, handler)
    return () => process.off(name, handler)
  })
  return () => {
    for (const remove of handlers) remove()
  }
}
