import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCryptoProvider } from '../../crypto/provider.ts'
import { systemRandomness } from '../../crypto/randomness.ts'
import { silentLog } from '../../platform/log.ts'
import { renewIdentity } from '../renewal.ts'
import { pluggedDisk } from './plugged-disk.ts'

/** One round of renewal in a process of its own, which kills itself before a step: `renew-and-die.ts FOLDER NOW-MS STEP`. */
const [folder = '', now = '', step = ''] = process.argv.slice(2)
const die = () => process.kill(process.pid, 'SIGKILL')
await renewIdentity({
  provider: createCryptoProvider(),
  randomness: systemRandomness,
  clock: { nowMs: () => Number(now), monotonicMs: () => performance.now() },
  log: silentLog,
  key: join(folder, 'identity.key'),
  certificate: join(folder, 'identity.pem'),
  authorityPem: readFileSync(join(folder, 'authority.pem'), 'utf8'),
  disk: pluggedDisk(Number(step), false, die),
})
