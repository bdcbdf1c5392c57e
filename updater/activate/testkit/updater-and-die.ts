import { dirname } from 'node:path'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { systemClock } from '../../../device/platform/clock.ts'
import { loadConfig } from '../../../device/platform/config.ts'
import { createLog } from '../../../device/platform/log.ts'
import { startUpdater } from '../../compose.ts'
import { updaterConfigSchema } from '../../config.ts'

/** The updater in a process of its own, which kills itself at a step: `updater-and-die.ts CONFIG CHECKPOINT`. */
const [config = '', fatal = ''] = process.argv.slice(2)
await startUpdater(loadConfig(config, updaterConfigSchema), dirname(config), {
  provider: createCryptoProvider(),
  clock: systemClock,
  randomness: systemRandomness,
  log: createLog(systemClock, (line) => process.stderr.write(line)),
  checkpoint: (at) => {
    if (at === fatal) process.kill(process.pid, 'SIGKILL')
  },
})
process.stdout.write('ready\n')
