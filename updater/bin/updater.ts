import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { loadConfig } from '../../device/platform/config.ts'
import { createLog } from '../../device/platform/log.ts'
import { openService, reportFailure } from '../../device/platform/service.ts'
import { startUpdater } from '../compose.ts'
import { updaterConfigSchema } from '../config.ts'

const HELP = `Usage: updater --config FILE [--stop-with-parent]

Fetches releases of models, verifies and stages them, and has the runtime prove and activate them. Does nothing by itself:
"wardstone model" asks it over its control socket. Runs until SIGTERM or SIGINT; jobs under way go on at the next start.
Standard output says "ready" once it can be asked; the log goes to standard error, one JSON object a line.

  --config FILE        the configuration (JSON)
  --stop-with-parent   also stop when standard input closes

Exit status: 0 stopped in order, 1 could not start, 2 wrong usage, 3 another instance runs.
`

const EXIT_CODES: Readonly<Record<string, number>> = { updater_store_in_use: 3, channel_in_use: 3 }

/** The runtime reads the store by its group; others have no business there. */
const UMASK = 0o027

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      'stop-with-parent': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  if (values.config === undefined) {
    process.stderr.write(HELP)
    return 2
  }
  process.umask(UMASK)
  const service = openService(process.env, values['stop-with-parent'] ?? false)
  const config = loadConfig(values.config, updaterConfigSchema)
  const log = createLog(systemClock, (line) => process.stderr.write(line))
  const updater = await startUpdater(config, dirname(values.config), {
    provider: createCryptoProvider(),
    clock: systemClock,
    randomness: systemRandomness,
    log,
  })
  service.ready('ready')
  await service.stopAsked
  log.info('stopping')
  await updater.stop()
  await service.stopped()
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  process.exitCode = reportFailure('updater', error, EXIT_CODES)
}
process.exit()
