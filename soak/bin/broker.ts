import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startBroker } from '../../demo/broker.ts'

// The demonstration's broker as a process of its own, so that it can be killed. It forgets everything when it goes.
const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '' },
    port: { type: 'string', default: '0' },
    'stop-with-parent': { type: 'boolean' },
  },
})
const text = (name: string) => readFileSync(join(values.folder, name), 'utf8')
const tls = { key: text('broker.key'), certificate: text('broker.pem'), clientAuthority: text('authority.pem') }
const broker = await startBroker({ tls, port: Number(values.port) })
process.stdout.write(`ready ${broker.port}\n`)
process.stdin.on('close', () => process.exit()).resume()
process.on('SIGTERM', () => void broker.close().then(() => process.exit()))
