import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { systemClock } from '../../../device/platform/clock.ts'
import { loadConfig } from '../../../device/platform/config.ts'
import { silentLog } from '../../../device/platform/log.ts'
import { startRuntime } from '../../../runtime/compose.ts'
import { runtimeConfigSchema } from '../../../runtime/config.ts'

/** The runtime, but it is killed, as by loss of power, when a change of models reaches the point that is named first. */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { config: { type: 'string' }, port: { type: 'string' }, 'stop-with-parent': { type: 'boolean' } },
})
const [point] = positionals
const path = values.config ?? ''
const config = loadConfig(path, runtimeConfigSchema)
const runtime = await startRuntime({ ...config, listen: { ...config.listen, port: 0 } }, dirname(path), {
  clock: systemClock,
  randomness: systemRandomness,
  log: silentLog,
  checkpoint: (at) => {
    if (at === point) process.kill(process.pid, 'SIGKILL')
  },
})
process.stdin.on('close', () => process.exit()).resume()
await runtime.loaded
process.stdout.write(`ready ${runtime.url}\n`)
