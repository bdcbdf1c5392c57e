import { parseArgs } from 'node:util'

// Read when the library loads, which the import below does.
process.env.ORT_DISABLE_TELEMETRY = '1'
const { serveBare } = await import('../bare-server.ts')

const text = { type: 'string', default: '' } as const
const { values } = parseArgs({
  options: {
    key: text,
    certificate: text,
    authority: text,
    models: text,
    threads: { type: 'string', default: '1' },
    'stop-with-parent': { type: 'boolean', default: false },
  },
})
const { key, certificate, authority, models, threads } = values
const { url, close } = await serveBare({ key, certificate, authority, models, threads: Number(threads) })
const stop = () => void close().finally(() => process.exit(0))
process.once('SIGTERM', stop)
if (values['stop-with-parent']) process.stdin.resume().once('end', stop).once('error', stop)
process.stdout.write(`ready ${url}\n`)
