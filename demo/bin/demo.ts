import { parseArgs } from 'node:util'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { type DemoOptions, runDemo } from '../demo.ts'

const HELP = `Usage: npm run demo -- [options]

Makes a development site if there is none, starts the appliance on 127.0.0.1, sends sample patients through the real
API, prints each decision, and stays up until Ctrl-C.

  --once         send the samples, stop, and leave; exit status 0 if all went well
  --json         print the decisions as JSON on standard output and nothing else there
  --data DIR     send real ICU stays: a folder or .tar.gz archive of .psv files (PhysioNet/CinC Challenge 2019)
  --stays N      at most N stays of --data (default 12)
  --port N       listen on this port (default 8443; 0 takes a free one)
  --site DIR     the folder of the development site (default .wardstone)

Exit status: 0 all went well, 1 it did not (the reason is the last line), 2 wrong usage, 130 stopped by Ctrl-C before it was ready.
`

function readOptions(): DemoOptions | string {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      data: { type: 'string' },
      stays: { type: 'string', default: '12' },
      port: { type: 'string' },
      site: { type: 'string', default: '.wardstone' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return HELP
  const stays = wholeNumber('--stays', values.stays, 1, 50_000)
  const port = values.port === undefined ? undefined : wholeNumber('--port', values.port, 0, 65_535)
  return { once: values.once, json: values.json, data: values.data, stays, port, site: values.site }
}

class UsageFault extends TypeError {
  readonly code = 'ERR_PARSE_ARGS_VALUE'
}

function wholeNumber(name: string, text: string, low: number, high: number): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) < low || Number(text) > high) {
    throw new UsageFault(`${name} takes a whole number from ${low} to ${high}`)
  }
  return Number(text)
}

function exitCodeFor(error: unknown): number {
  const isUsage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') ?? false
  const words = isWardstoneError(error) ? `${error.message} [${error.code}]` : (error as Error).message
  process.stderr.write(`demo: ${words}\n${isUsage ? 'Try: npm run demo -- --help\n' : ''}`)
  return isUsage ? 2 : 1
}

const INTERRUPTED = 130
let isOutputLost = false

// A reader that closes its end (`| head`) or a full disk behind it ends the demo in order; what was lost is no success.
process.stdout.on('error', () => {
  isOutputLost = true
  process.emit('SIGTERM')
})

try {
  const options = readOptions()
  if (typeof options === 'string') process.stdout.write(options)
  else {
    const stopAsked = new Promise<void>((resolve) => {
      let times = 0
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        process.on(signal, () => {
          times += 1
          // Asked twice: at once. The runtime sees its input close and stops in order by itself.
          if (times > 1 && signal === 'SIGINT') process.exit(INTERRUPTED)
          if (times === 1) process.stderr.write('Stopping…\n')
          resolve()
        })
      }
    })
    process.exitCode = await runDemo(options, stopAsked, {
      say: (line) => void (options.json ? process.stderr : process.stdout).write(`${line}\n`),
      data: (text) => void process.stdout.write(text),
    })
  }
} catch (error) {
  process.exitCode = exitCodeFor(error)
}
if (isOutputLost && process.exitCode === 0) process.exitCode = 1
