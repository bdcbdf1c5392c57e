import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { fleetCommand } from '../operator/command.ts'

/** Resolves at the first request to stop; later ones change nothing, so that stopping in order is not cut short. */
function stopSignal(withParent: boolean): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => resolve())
    if (withParent) process.stdin.on('close', () => resolve()).resume()
  })
}

// A reader that closes its end (`| head`) is no failure of ours.
process.stdout.on('error', () => process.exit())

const args = process.argv.slice(2)
process.exitCode = await fleetCommand(args, {
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  randomness: systemRandomness,
  stopAsked: stopSignal(args.includes('--stop-with-parent')),
})
// Listeners for signals would keep a command that is done.
process.exit()
