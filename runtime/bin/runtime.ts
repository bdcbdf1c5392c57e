import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { loadConfig } from '../../device/platform/config.ts'
import { createLog } from '../../device/platform/log.ts'
import { openService, reportFailure } from '../../device/platform/service.ts'
import { startRuntime } from '../compose.ts'
import { type RuntimeConfig, runtimeConfigSchema } from '../config.ts'

const HELP = `Usage: runtime --config FILE [--port N] [--stop-with-parent]

Starts the decision service described by FILE and serves until SIGTERM or SIGINT.
Standard output says "ready URL" once every model is loaded or refused, after "grpc HOST:PORT" where there is gRPC; the log goes to standard error, one JSON object a line.

  --config FILE        the configuration (JSON)
  --port N             listen on this port instead of the configured one
  --stop-with-parent   also stop when standard input closes

Exit status: 0 stopped in order, 1 could not start, 2 wrong usage, 3 another instance runs, 4 the port is in use.
`

const EXIT_CODES: Readonly<Record<string, number>> = { storage_locked: 3, runtime_port_in_use: 4 }

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      port: { type: 'string' },
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
  const config = runtimeConfig(values.config, values.port)
  const log = createLog(systemClock, (line) => process.stderr.write(line))
  const runtime = await startRuntime(config, dirname(values.config), {
    clock: systemClock,
    randomness: systemRandomness,
    log,
  })
  const said = runtime.grpc === undefined ? '' : `grpc ${runtime.grpc}\n`
  const loaded = runtime.loaded.then(() => service.ready(`${said}ready ${runtime.url}`))
  await Promise.race([service.stopAsked, loaded.then(() => service.stopAsked)])
  log.info('stopping')
  await runtime.stop()
  await service.stopped()
  return 0
}

function runtimeConfig(path: string, port: string | undefined): RuntimeConfig {
  const config = loadConfig(path, runtimeConfigSchema)
  return port === undefined
    ? config
    : runtimeConfigSchema.parse({ ...config, listen: { ...config.listen, port: Number(port) } })
}

try {
  process.exitCode = await main()
} catch (error) {
  process.exitCode = reportFailure('runtime', error, EXIT_CODES)
}
process.exit()
