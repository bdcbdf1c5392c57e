import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadConfig } from '../../device/platform/config.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { modelInspectCommand } from '../../models/package/inspect.ts'
import { auditVerifyCommand } from '../audit/verify-command.ts'
import { runtimeConfigSchema } from '../config.ts'
import { RELEASE } from '../release.ts'

const HELP = `Usage: wardstone <command> [options]

Commands:
  audit verify [--site DIR] [--json]   recompute the audit log from its bodies and say what was found
  model inspect FILE [--json]          show what a package says it is
  version                              print the release
  help                                 print this

Options:
  --site DIR   the folder with runtime.json (default .wardstone)
  --json       print the result as one JSON object on standard output

Examples:
  npm run wardstone -- audit verify
  npm run wardstone -- audit verify --site /var/lib/wardstone --json
  npm run wardstone -- model inspect .wardstone/store/news2/package.wspkg

Exit status of audit verify: 0 sound, 10 edited, 11 deleted, 12 inserted, 13 reordered, 20 could not run; 2 wrong usage.
`

type Io = { readonly stdout: (text: string) => void; readonly stderr: (text: string) => void; readonly isTty: boolean }

const io: Io = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  isTty: process.stderr.isTTY === true,
}

async function main(args: readonly string[]): Promise<number> {
  const [room, command] = args
  if (room === undefined || room === 'help' || room === '--help' || room === '-h') return print(HELP)
  if (room === 'version' || room === '--version') return print(`${RELEASE}\n`)
  if (room === 'audit' && command === 'verify') return auditVerify(args.slice(2))
  if (room === 'model' && command === 'inspect') return modelInspectCommand(args.slice(2), io)
  io.stderr(`wardstone: there is no command "${room}${command === undefined ? '' : ` ${command}`}"\n\n${HELP}`)
  return 2
}
