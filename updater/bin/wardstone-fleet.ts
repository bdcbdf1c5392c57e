import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { stopSignal } from '../../device/platform/service.ts'
import { fleetCommand } from '../operator/command.ts'

const READER_GONE = 141
const NOT_WRITTEN = 1

/** An export or a checkpoint that did not get out whole never ends with 0; a reader that left early (`| head`) gets no words. */
function endUnwritten(error: NodeJS.ErrnoException): never {
  if (error.code === 'EPIPE') process.exit(READER_GONE)
  process.stderr.write(`wardstone-fleet: the answer could not be written [${error.code ?? 'internal'}]\n`)
  process.exit(NOT_WRITTEN)
}

process.stdout.on('error', endUnwritten)
process.stderr.on('error', () => {})

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
