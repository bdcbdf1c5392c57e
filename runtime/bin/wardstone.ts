import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { loadVerifier } from '../../device/crypto/signing.ts'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { loadConfig } from '../../device/platform/config.ts'
import { modelInspectCommand } from '../../models/package/inspect.ts'
import { auditVerifyCommand, type VerifySite } from '../audit/verify-command.ts'
import { runtimeConfigSchema } from '../config.ts'
import { RuntimeError } from '../errors.ts'
import { RELEASE } from '../release.ts'

const HELP = `Usage: wardstone <command> [options]

Commands:
  audit verify [--site DIR] [--json] [--checkpoint FILE]
                         recompute the audit log from its bodies and say what was found
  model inspect FILE [--json]
                         show what a package says it is
  version                print the release
  help                   print this

--site DIR is the folder with runtime.json (default .wardstone). Each command explains itself with --help.

Examples:
  npm run wardstone -- audit verify
  npm run wardstone -- audit verify --site /var/lib/wardstone --json
  npm run wardstone -- model inspect .wardstone/store/news2/package.wspkg

Exit status: 0 all well, 2 wrong usage; each command's --help lists its own.
`

const MAX_FILE_BYTES = 64 * 1024

async function main(args: readonly string[]): Promise<number> {
  const [room, command] = args
  if (room === undefined) return say(HELP, process.stderr, 2)
  if (room === 'help' || room === '--help' || room === '-h') return say(HELP)
  if ((room === 'audit' || room === 'model') && (command === undefined || command === '--help' || command === '-h')) {
    return say(HELP, command === undefined ? process.stderr : process.stdout, command === undefined ? 2 : 0)
  }
  if (room === 'version' || room === '--version') return say(`${RELEASE}\n`)
  if (room === 'audit' && command === 'verify') return auditVerify(args.slice(2))
  if (room === 'model' && command === 'inspect') {
    return modelInspectCommand(args.slice(2), { stdout: process.stdout, stderr: process.stderr, clock: systemClock })
  }
  return say(`wardstone: there is no such command\n\n${HELP}`, process.stderr, 2)
}

function say(text: string, stream: NodeJS.WriteStream = process.stdout, code = 0): number {
  stream.write(text)
  return code
}

function auditVerify(args: readonly string[]): Promise<number> {
  const at = args.findIndex((arg) => arg === '--site' || arg.startsWith('--site='))
  const isJoined = args[at]?.startsWith('--site=') ?? false
  const site = at < 0 ? '.wardstone' : isJoined ? (args[at]?.slice('--site='.length) ?? '') : (args[at + 1] ?? '')
  if (at >= 0 && (site === '' || site.startsWith('-')))
    return Promise.resolve(say('wardstone: --site takes a folder\n', process.stderr, 2))
  const others = at < 0 ? args : args.toSpliced(at, isJoined ? 1 : 2)
  const provider = createCryptoProvider()
  return auditVerifyCommand(others, () => verifySite(site), {
    stdout: process.stdout,
    stderr: process.stderr,
    readFile: (path) => readFileBounded(path, MAX_FILE_BYTES),
    loadVerifier: (publicPem) => loadVerifier(provider, publicPem),
  })
}

function verifySite(site: string): VerifySite {
  const root = resolve(site)
  const path = join(root, 'runtime.json')
  if (!existsSync(path)) throw new RuntimeError('runtime_site_missing', { about: path })
  const config = loadConfig(path, runtimeConfigSchema)
  const kept = config.log.checkpoint === undefined ? undefined : resolve(root, config.log.checkpoint)
  return {
    databasePath: resolve(root, config.database.path),
    databaseKeyPath: resolve(root, config.database.key),
    subjectsKeyPath: resolve(root, config.subjectsKey),
    logPublicKeyPath: resolve(root, config.log.publicKey),
    origin: config.log.origin,
    keptCheckpointPath: kept !== undefined && existsSync(kept) ? kept : undefined,
  }
}

// A reader that closes its end (`| head`) is no failure of ours.
process.stdout.on('error', () => process.exit())

process.exitCode = await main(process.argv.slice(2))
