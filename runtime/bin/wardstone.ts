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

// A reader that closes its end (`| head`) is no failure of ours.
process.stdout.on('error', () => process.exit())

process.exitCode = await main(process.argv.slice(2))
