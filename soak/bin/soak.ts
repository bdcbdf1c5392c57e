import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { isNothingLost } from '../account.ts'
import { soakText } from '../report.ts'
import { runSoak } from '../soak.ts'

const HELP = `Usage: npm run soak -- [options]

Runs a whole appliance and its fleet under mixed load, kills every process and the broker at random moments, and says at the
end what was lost (it must be nothing) and how memory moved. Everything stays on 127.0.0.1.

  --seconds N    how long the load runs (default 600)
  --seed N       which victims at which moments (default 1)
  --lanes N      requests at a time (default 4)
  --keep DIR     an empty folder for the site, kept afterwards; otherwise one is made and removed
  --json         the report as JSON on standard output, and nothing else there

Exit status: 0 nothing was lost, 1 something was or it could not run, 2 wrong usage.
`

const options = {
  seconds: { type: 'string', default: '600' },
  seed: { type: 'string', default: '1' },
  lanes: { type: 'string', default: '4' },
  keep: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

function read() {
  try {
    const { values } = parseArgs({ options })
    const numbers = [values.seconds, values.seed, values.lanes]
    return numbers.every((text) => /^[1-9]\d{0,6}$/.test(text)) ? values : undefined
  } catch {
    return undefined
  }
}

async function main(): Promise<number> {
  const values = read()
  if (values === undefined || values.help) {
    ;(values === undefined ? process.stderr : process.stdout).write(HELP)
    return values === undefined ? 2 : 0
  }
  const own = values.keep === undefined ? mkdtempSync(join(tmpdir(), 'wardstone-soak-')) : undefined
  try {
    const root = values.keep ?? join(own ?? '', 'site')
    const numbers = { seconds: Number(values.seconds), seed: Number(values.seed), lanes: Number(values.lanes) }
    const report = await runSoak({ ...numbers, root }, (line) => void process.stderr.write(`${line}\n`))
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${soakText(report)}\n`)
    return isNothingLost(report.account) && report.unexpected.length === 0 ? 0 : 1
  } catch (error) {
    process.stderr.write(
      `soak: ${isWardstoneError(error) ? `${error.message} [${error.code}]` : (error as Error).message}\n`,
    )
    return 1
  } finally {
    if (own !== undefined) rmSync(own, { recursive: true, force: true })
  }
}

process.exitCode = await main()
process.exit()
