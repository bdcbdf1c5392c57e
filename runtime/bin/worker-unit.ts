/**
 * The one process of the units wardstone-worker@ and wardstone-decoder@ (systemd/units). systemd starts it for each connection
 * of the runtime, which is descriptor 3 (sd_listen_fds(3)).
 */
import { Socket } from 'node:net'
import { commandInUnit, modelWorker } from '../inference/isolation.ts'
import { missingWall, serveUnit } from '../inference/unit-host.ts'

const CONNECTION_FD = 3
const [, , kind] = process.argv

if (process.env.LISTEN_FDS !== '1' || (kind !== 'model' && kind !== 'image')) {
  process.stderr.write('worker-unit: started by systemd alone, as the unit of a connection: worker-unit model|image\n')
  process.exit(2)
}
const tenant = kind === 'model' ? modelWorker : (await import('../images/image-decoder.ts')).decoderTenant
await serveUnit({
  connection: new Socket({ fd: CONNECTION_FD, allowHalfOpen: true }),
  command: (order) => commandInUnit(tenant, order),
  folder: '/tmp',
  missingWall,
})
process.exit(0)
