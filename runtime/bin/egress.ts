import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { loadConfig } from '../../device/platform/config.ts'
import { createLog } from '../../device/platform/log.ts'
import { openService, reportFailure } from '../../device/platform/service.ts'
import { egressConfigSchema } from '../egress/config.ts'
import { startEgress } from '../egress/process.ts'

const HELP = `Usage: egress --config FILE [--stop-with-parent]

Takes narrowed records from the runtime over a local socket, keeps them until the fleet manager has acknowledged them, and
publishes them to the fleet's broker. Runs until SIGTERM or SIGINT.
Standard output says "ready" once records are taken; the log goes to standard error, one JSON object a line.

  --config FILE        the configuration (JSON)
  --stop-with-parent   also stop when standard input closes

Exit status: 0 stopped in order, 1 could not start, 2 wrong usage, 3 another instance runs.
`

const EXIT_CODES: Readonly<Record<string, number>> = { egress_queue_in_use: 3, channel_in_use: 3 }

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
  const service = openService(process.env, values['stop-with-parent'] ?? false)
  const config = loadConfig(values.config, egressConfigSchema)
  const log = createLog(systemClock, (line) => process.stderr.write(line))
  const egress = await startEgress(config, dirname(values.config), {
    clock: systemClock,
    randomness: systemRandomness,
    log,
  })
  service.ready('ready')
  await service.stopAsked
  log.info('stopping')
  await egress.stop()
  await service.stopped()
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  process.exitCode = reportFailure('egress', error, EXIT_CODES)
}
process.exit()
