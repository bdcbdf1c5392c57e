import { join } from 'node:path'
import { runPinned } from './child.mjs'
import { isStamped, SetupFailure, say } from './setup-state.mjs'

/** What each command runs, by the pinned Node, from the root of the repository. */
const programs = {
  demo: ['demo/bin/demo.ts'],
  test: ['scripts/test.ts'],
  bench: ['bench/bin/bench.ts'],
  soak: ['soak/bin/soak.ts'],
  check: ['scripts/test.ts', '--only-checks'],
  wardstone: ['runtime/bin/wardstone.ts'],
  'wardstone-fleet': ['updater/bin/wardstone-fleet.ts'],
}

/**
 * Installs what is missing, then runs one program and ends as it ends (same exit code, or same signal).
 * Exit codes of its own, after sysexits.h: 64 unknown command, 65 lock file at fault, 69 npm or the network is missing,
 * 70 npm failed otherwise, 73 disk full, 77 folder not writable, 78 unsupported platform or Node.
 */
export async function launch(root, command, args) {
  const program = Object.hasOwn(programs, command ?? '') ? programs[command] : undefined
  if (program === undefined) {
    say(`which one? node scripts/setup.mjs ${Object.keys(programs).join('|')} [arguments]`)
    process.exit(64)
  }
  try {
    // The installer is loaded only when it has work, which keeps every later start short.
    if (!isStamped(root)) await (await import('./install.mjs')).install(root)
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error
    say(error.message)
    process.exit(error.exitCode)
  }
  runPinned(root, [join(root, program[0]), ...program.slice(1), ...args])
}
