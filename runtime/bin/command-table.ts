import type { Program } from '../../device/command-line/command.ts'
import { modelInspectCommand } from '../../models/package/inspect.ts'
import { auditExitCodes } from '../audit/command-io.ts'
import { auditExportCommand } from '../audit/export-command.ts'
import { leafKinds } from '../audit/leaf.ts'
import { auditSearchCommand } from '../audit/search-command.ts'
import { auditShowCommand } from '../audit/show-command.ts'
import { auditVerifyCommand, verifyExitMeanings } from '../audit/verify-command.ts'
import { RELEASE } from '../release.ts'
import { backupCommands } from './backup-commands.ts'
import { boxCommands } from './box-commands.ts'
import type { Command } from './command.ts'
import { auditIo, auditSite, fileIo } from './command-context.ts'
import { decisionShow } from './decision-show-command.ts'
import { deviceCommands } from './device-commands.ts'
import { modelAuthoringCommands } from './model-authoring-commands.ts'
import { modelCommands } from './model-commands.ts'
import { modelScore } from './model-score-command.ts'
import { replayCommand } from './replay-command.ts'

const COULD_NOT_RUN = { [auditExitCodes.couldNotRun]: 'could not run' } as const
const NOTHING_FOUND = { [auditExitCodes.nothingFound]: 'nothing found' } as const

/** Options by which leaves are chosen, and those about whom. */
const selection = {
  from: 'text',
  to: 'text',
  model: 'text',
  outcome: 'text',
  alert: ['yes', 'no'],
  client: 'text',
  kind: leafKinds,
  'subject-stdin': 'flag',
  'subject-file': 'file',
  pseudonym: 'text',
} as const

const auditCommands: readonly Command[] = [
  {
    name: 'audit show',
    synopsis: 'ID | --leaf N',
    summary: 'one decision whole, or one leaf with its hash and place',
    operand: 'text',
    options: { leaf: 'text', json: 'flag' },
    exitCodes: { ...NOTHING_FOUND, ...COULD_NOT_RUN },
    run: (args, site) => auditShowCommand(args, () => auditSite(site), auditIo()),
  },
  {
    name: 'audit search',
    synopsis: '[options]',
    summary: 'who saw a patient, what a model said, what a client did',
    options: { ...selection, limit: 'text', after: 'text', json: 'flag' },
    exitCodes: { ...NOTHING_FOUND, ...COULD_NOT_RUN },
    run: (args, site) => auditSearchCommand(args, () => auditSite(site), auditIo()),
  },
  {
    name: 'audit export',
    synopsis: '--output FILE [options]',
    summary: 'write leaves to a file that stands as evidence',
    options: {
      ...selection,
      output: 'file',
      force: 'flag',
      format: ['ndjson', 'csv'],
      'with-records': 'flag',
      json: 'flag',
    },
    exitCodes: COULD_NOT_RUN,
    run: (args, site) => auditExportCommand(args, () => auditSite(site), auditIo()),
  },
  {
    name: 'audit verify',
    synopsis: '[--checkpoint FILE]',
    summary: 'recompute the audit log from its records and say what was found',
    options: { checkpoint: 'file', json: 'flag' },
    exitCodes: verifyExitMeanings,
    run: (args, site) => auditVerifyCommand(args, () => auditSite(site), fileIo()),
  },
]

const modelInspect: Command = {
  name: 'model inspect',
  synopsis: 'FILE',
  summary: 'show what a package says it is',
  operand: 'file',
  options: { json: 'flag', image: 'file', grant: 'file', 'vendor-key': 'file', 'fleet-key': 'file' },
  exitCodes: { 1: 'failed or refused' },
  run: (args) => modelInspectCommand(args, fileIo()),
}

/** Every command of `wardstone`: to add one, add its line. */
export const commands: readonly Command[] = [
  boxCommands.status,
  boxCommands.watch,
  boxCommands.decisionCreate,
  decisionShow,
  boxCommands.decisionOutput,
  boxCommands.decisionFeedback,
  replayCommand,
  ...auditCommands,
  ...backupCommands,
  ...modelCommands,
  boxCommands.modelShow,
  modelInspect,
  modelScore,
  ...modelAuthoringCommands,
  boxCommands.deviceStatus,
  ...deviceCommands,
]

export const DEFAULT_SITE = '.wardstone'

/** `wardstone` as its help, its completion and docs/cli.md know it. */
export const wardstoneProgram: Program<string> = {
  name: 'wardstone',
  release: RELEASE,
  purpose: 'What an operator does at a box, or as a client of one: decisions, the audit log, models, the machine.',
  everywhere: { site: 'folder' },
  notes: `--site DIR is the folder with runtime.json and updater.json (default ${DEFAULT_SITE}): for commands that work at the box itself.
status, watch, decision create, output and feedback, model show and device status ask the box over HTTPS, from anywhere, as
whoever the client certificate names. Each command explains itself, with examples, by --help; most take --json.
`,
  examples: [
    'wardstone status --client engineer.json',
    'wardstone audit verify',
    'wardstone audit search --site /var/lib/wardstone --client ward-3-monitor --json',
    'wardstone model install .wardstone/updates/news2-1.0.1',
    'source <(wardstone completion bash)',
  ],
  commands,
}

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
