import { errorCode } from '../../device/platform/errors.ts'
import { RELEASE } from '../release.ts'
import { findCommand, helpText, takeSite } from './command-table.ts'

async function main(args: readonly string[]): Promise<number> {
  const [first] = args
  if (first === undefined) return say(helpText(), process.stderr, 2)
  if (first === 'help' || first === '--help' || first === '-h') return say(helpText())
  if (first === 'version' || first === '--version') return say(`${RELEASE}\n`)
  const taken = takeSite(args)
  if (taken === undefined) return say(`wardstone: --site needs a folder\n\n${helpText()}`, process.stderr, 2)
  const found = findCommand(taken.others)
  if (found === undefined) return say(`wardstone: there is no such command\n\n${helpText()}`, process.stderr, 2)
  return found.command.run(found.rest, taken.site)
}

function say(text: string, stream: NodeJS.WriteStream = process.stdout, code = 0): number {
  stream.write(text)
  return code
}

const READER_GONE = 141
const NOT_WRITTEN = 20

/** An answer that did not get out whole is none, so it never ends with 0: whoever relies on `verify` reads the status. */
function endUnwritten(error: NodeJS.ErrnoException): never {
  // As a program ends that the signal of a closed pipe ended (`| head`): 128 + SIGPIPE, without a word.
  if (error.code === 'EPIPE') process.exit(READER_GONE)
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
