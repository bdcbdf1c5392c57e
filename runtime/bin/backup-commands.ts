import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { auditVerifyCommand, verifyExitCodes, verifyExitMeanings } from '../audit/verify-command.ts'
import { RELEASE } from '../release.ts'
import { BACKUP_CHECKPOINT, BACKUP_DATABASE, createBackup, restoreBackup, verifyBackup } from '../storage/backup.ts'
import { StorageError } from '../storage/errors.ts'
import type { Command } from './command.ts'
import { auditSite, fileIo, siteFiles } from './command-context.ts'

const FINDINGS =
  '10 edited, 11 deleted, 12 inserted, 13 reordered, 14 truncated, 15 rolled back, 20 could not run,\n2 wrong usage'
const KEY_BYTES = 64

const CREATE_USAGE = `Usage: wardstone backup create FOLDER [--json]

Copies the database as it is at this moment into a new folder, with the checkpoint kept beside it, and checks the log in the copy.
The box goes on deciding. The copy is encrypted as the database is: without the keys of the site nobody reads it, you included.
Configuration, certificates, keys and the model store are not in it: docs/operations.md says what else to keep.

  FOLDER    where; it must not be there yet
  --json    what was found in the copy, as JSON on standard output

Examples:
  wardstone backup create /media/backup/2026-03-01

Exit codes: 0 made, and sound; what was found in the log of the copy: ${FINDINGS}.
`

const VERIFY_USAGE = `Usage: wardstone backup verify FOLDER [--json]

Reads a backup: are its files as they were written, and is the log in it sound? It takes the keys of the site.

  --json    what was found, as JSON on standard output

Examples:
  wardstone backup verify /media/backup/2026-03-01

Exit codes: 0 sound, ${FINDINGS}.
`

const RESTORE_USAGE = `Usage: wardstone backup restore FOLDER

Puts a backup back where there is no database, while the box is stopped. It overwrites nothing, and takes no keys.
A checkpoint of the log that is kept at the site stays: when it names more than the backup has, the box will say that the log went
back, and not start on it.

Examples:
  wardstone backup restore /media/backup/2026-03-01

Exit codes: 0 done, 20 could not run, 2 wrong usage.
`

/** `wardstone backup …`: at the box itself, as the account of the runtime. */
export const backupCommands: readonly Command[] = [
  {
    name: 'backup create',
    synopsis: 'FOLDER',
    summary: 'copy the database while the box decides, and check the copy',
    operand: 'folder',
    options: { json: 'flag' },
    exitCodes: verifyExitMeanings,
    run: (args, site) => runOn(args, CREATE_USAGE, (folder, json) => create(folder, site, json)),
  },
  {
    name: 'backup verify',
    synopsis: 'FOLDER',
    summary: 'say whether a backup is whole, and its log sound',
    operand: 'folder',
    options: { json: 'flag' },
    exitCodes: verifyExitMeanings,
    run: (args, site) => runOn(args, VERIFY_USAGE, (folder, json) => verify(folder, site, json)),
  },
  {
    name: 'backup restore',
    synopsis: 'FOLDER',
    summary: 'put a backup back while the box is stopped',
    operand: 'folder',
    options: {},
    exitCodes: { [verifyExitCodes['could-not-run']]: 'could not run' },
    run: (args, site) => runOn(args, RESTORE_USAGE, (folder) => restore(folder, site), false),
  },
]

function create(folder: string, site: string, json: boolean): Promise<number> {
  const { databasePath, databaseKeyPath, keptCheckpointPath, origin } = auditSite(site)
  const about = { release: RELEASE, origin, madeAt: new Date(systemClock.nowMs()).toISOString() }
  const key = readFileBounded(databaseKeyPath, KEY_BYTES)
  createBackup(key, { databasePath, checkpointPath: keptCheckpointPath }, about, folder)
  if (!json) process.stdout.write(`Made: ${folder}\n`)
  return verify(folder, site, json)
}

async function verify(folder: string, site: string, json: boolean): Promise<number> {
  const list = verifyBackup(folder)
  const log = auditSite(site)
  if (list.origin !== log.origin) throw new StorageError('storage_backup_damaged', { about: 'of another log' })
  const checkpoint = join(folder, BACKUP_CHECKPOINT)
  const keptCheckpointPath = existsSync(checkpoint) ? checkpoint : undefined
  const copy = { ...log, databasePath: join(folder, BACKUP_DATABASE), keptCheckpointPath }
  return auditVerifyCommand(json ? ['--json'] : [], copy, fileIo())
}

async function restore(folder: string, site: string): Promise<number> {
  const { madeAt, origin } = restoreBackup(folder, siteFiles(site))
  process.stdout.write(
    `Put back: the log ${origin}, as of ${madeAt}.\nStart the box, then: wardstone audit verify\n` +
      'Was anything decided after that? docs/operations.md, "Restoring", says how the log goes on then.\n',
  )
  return verifyExitCodes.sound
}

async function runOn(
  args: readonly string[],
  usage: string,
  run: (folder: string, json: boolean) => Promise<number>,
  takesJson = true,
): Promise<number> {
  const options = readOptions(args, takesJson)
  if (options?.help === true) {
    process.stdout.write(usage)
    return verifyExitCodes.sound
  }
  if (options?.folder === undefined) {
    process.stderr.write(usage)
    return verifyExitCodes.usage
  }
  try {
    return await run(resolve(options.folder), options.json)
  } catch (error) {
    const code = isWardstoneError(error) ? error.code : ((error as NodeJS.ErrnoException).code ?? 'internal')
    const message = isWardstoneError(error) ? error.message : 'A file could not be read or written.'
    if (options.json) process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`)
    else process.stderr.write(`${message} [${code}]\n`)
    return verifyExitCodes['could-not-run']
  }
}

function readOptions(args: readonly string[], takesJson: boolean) {
  const help = { help: { type: 'boolean', short: 'h' } } as const
  const options = takesJson ? { ...help, json: { type: 'boolean' } as const } : help
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
    const [folder] = positionals.length === 1 ? positionals : []
    return { help: values.help === true, json: 'json' in values && values.json === true, folder }
  } catch {
    return undefined
  }
}
