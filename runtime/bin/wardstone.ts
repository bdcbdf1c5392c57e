import { commonExitCodes } from '../../device/command-line/command.ts'
import { runProgram } from '../../device/command-line/program.ts'
import { errorCode } from '../../device/platform/errors.ts'
import { takeSite, wardstoneProgram } from './command-table.ts'

async function main(args: readonly string[]): Promise<number> {
  const taken = takeSite(args)
  if (taken === undefined) {
    process.stderr.write('wardstone: --site needs a folder. "wardstone help" explains it.\n')
    return commonExitCodes.usage
  }
  return await runProgram(wardstoneProgram, taken.others, taken.site, process)
}

const NOT_WRITTEN = 20

/** An answer that did not get out whole is none, so it never ends with 0: whoever relies on `verify` reads the status. */
function endUnwritten(error: NodeJS.ErrnoException): never {
  // As a program ends that the signal of a closed pipe ended (`| head`): 128 + SIGPIPE, without a word.
  if (error.code === 'EPIPE') process.exit(commonExitCodes.readerGone)
  process.stderr.write(`The answer could not be written. [${error.code ?? 'internal'}]\n`)
  process.exit(NOT_WRITTEN)
}

process.stdout.on('error', endUnwritten)
// Progress and warnings that nobody can read change nothing about the answer.
process.stderr.on('error', () => {})

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  // Without this it would be 1, and that means: nothing found.
  process.stderr.write(`Something failed that should not. [${errorCode(error)}]\n`)
  process.exitCode = NOT_WRITTEN
}
