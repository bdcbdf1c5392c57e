import { modelInspectCommand } from '../../models/package/inspect.ts'
import { auditExportCommand } from '../audit/export-command.ts'
import { auditSearchCommand } from '../audit/search-command.ts'
import { auditShowCommand } from '../audit/show-command.ts'
import { auditVerifyCommand } from '../audit/verify-command.ts'
import type { Command } from './command.ts'
import { auditIo, auditSite, fileIo } from './command-context.ts'
import { deviceCommands } from './device-commands.ts'
import { modelAuthoringCommands } from './model-authoring-commands.ts'
import { modelCommands } from './model-commands.ts'
import { modelScore } from './model-score-command.ts'
import { replayCommand } from './replay-command.ts'

/** Every command of `wardstone`: to add one, add its line. */
export const commands: readonly Command[] = [
  {
    name: 'audit show',
    synopsis: 'ID | --leaf N',
    summary: 'one decision whole, or one leaf with its hash and place',
    run: (args, site) => auditShowCommand(args, () => auditSite(site), auditIo()),
  },
  {
    name: 'audit search',
    synopsis: '[options]',
    summary: 'who saw a patient, what a model said, what a client did',
    run: (args, site) => auditSearchCommand(args, () => auditSite(site), auditIo()),
  },
  {
    name: 'audit export',
    synopsis: '--output FILE [options]',
    summary: 'write leaves to a file that stands as evidence',
    run: (args, site) => auditExportCommand(args, () => auditSite(site), auditIo()),
  },
  {
    name: 'audit verify',
    synopsis: '[--checkpoint FILE]',
    summary: 'recompute the audit log from its records and say what was found',
    run: (args, site) => auditVerifyCommand(args, () => auditSite(site), fileIo()),
  },
  replayCommand,
  ...modelCommands,
  ...modelAuthoringCommands,
  ...deviceCommands,
  modelScore,
  {
    name: 'model inspect',
    synopsis: 'FILE',
    summary: 'show what a package says it is',
    run: (args) => modelInspectCommand(args, fileIo()),
  },
]

/** The command that the first words name, with what is left of the arguments. */
export function findCommand(args: readonly string[]): { command: Command; rest: readonly string[] } | undefined {
  for (const command of commands) {
    const words = command.name.split(' ')
    if (words.every((word, place) => args[place] === word)) return { command, rest: args.slice(words.length) }
  }
  return undefined
}

export const DEFAULT_SITE = '.wardstone'

/** Takes --site out of the arguments, wherever it stands before `--`. @returns undefined when it has no value */
export function takeSite(args: readonly string[]): { site: string; others: readonly string[] } | undefined {
  const end = args.indexOf('--')
  const at = args.findIndex((arg) => arg === '--site' || arg.startsWith('--site='))
  if (at < 0 || (end >= 0 && end < at)) return { site: DEFAULT_SITE, others: args }
  const isJoined = args[at] !== '--site'
  const site = isJoined ? args[at]?.slice('--site='.length) : args[at + 1]
  if (site === undefined || site === '' || (!isJoined && site.startsWith('--'))) return undefined
  return { site, others: args.toSpliced(at, isJoined ? 1 : 2) }
}

export function helpText(): string {
  const heads = commands.map(({ name, synopsis }) => `${name} ${synopsis}`)
  const width = Math.max(...heads.map((head) => head.length))
  const lines = commands.map(({ summary }, place) => `  ${heads[place]?.padEnd(width)}  ${summary}\n`).join('')
  return `Usage: wardstone <command> [--site DIR] [options]

Commands:
${lines}  ${'version'.padEnd(width)}  print the release
  ${'help'.padEnd(width)}  print this

--site DIR is the folder with runtime.json (default ${DEFAULT_SITE}). Each command explains itself, with examples, by --help;
most take --json.

Examples:
  npm run wardstone -- audit verify
  npm run wardstone -- audit search --site /var/lib/wardstone --client ward-3-monitor --json
  npm run wardstone -- model inspect .wardstone/updates/news2-1.0.1/package.wspkg
  npm run wardstone -- model install .wardstone/updates/news2-1.0.1

Exit status: 0 all well, 2 wrong usage; each command's --help lists its own.
`
}
