import { parseArgs } from 'node:util'

const HELP = `Usage: npm run bench -- [options]

Measures in one run: decision latency over mTLS beside bare session.run, commits beside raw encrypted inserts, package
open beside openssl. Takes about a minute. Figures are for this machine at this moment; compare ratios, not times.

  --json           print the report as JSON on standard output
  --decisions N    decisions per model and number of lanes (default 1000)
  --megabytes N    size of the package that is opened (default 64)
`

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    decisions: { type: 'string', default: '1000' },
    megabytes: { type: 'string', default: '64' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const wholeNumber = /^[1-9]\d{0,5}$/

if (values.help) {
  process.stdout.write(HELP)
} else if (!wholeNumber.test(values.decisions) || !wholeNumber.test(values.megabytes)) {
  process.stderr.write(`bench: --decisions and --megabytes take whole numbers from 1\n${HELP}`)
  process.exitCode = 2
} else {
  // Read when the library loads, which the import below does.
  process.env.ORT_DISABLE_TELEMETRY = '1'
  const { runBench } = await import('../bench.ts')
  const { reportText } = await import('../report.ts')
  const options = { decisions: Number(values.decisions), megabytes: Number(values.megabytes) }
  const report = await runBench(options, (line) => void process.stderr.write(`${line}\n`))
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : reportText(report))
}
