import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const HELP = `Usage: npm run bench -- [options]

Measures in one run, each figure beside its limit: decision latency over mTLS beside bare session.run and beside a bare
server, throughput, the bedside under imaging load, memory, start to ready, commits beside raw encrypted inserts, package
open beside openssl. Takes about ten minutes, with --quick about two. Figures are for this machine at this moment;
compare ratios, not times.

  --json           print the report as JSON on standard output
  --html FILE      write the report as one HTML page with plots as well; a relative path starts at the project's
                   root when this is run through npm
  --quick          fewer rounds, and no measurement from 64 lanes
  --decisions N    most decisions per model and number of lanes (default 1000, with --quick 150)
  --megabytes N    size of the package that is opened (default 64, with --quick 8)
`

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    html: { type: 'string' },
    quick: { type: 'boolean', default: false },
    decisions: { type: 'string' },
    megabytes: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const wholeNumber = /^[1-9]\d{0,5}$/
const decisions = values.decisions ?? (values.quick ? '150' : '1000')
const megabytes = values.megabytes ?? (values.quick ? '8' : '64')

if (values.help) {
  process.stdout.write(HELP)
} else if (!wholeNumber.test(decisions) || !wholeNumber.test(megabytes) || values.html === '') {
  process.stderr.write(`bench: --decisions and --megabytes take whole numbers from 1, --html a file\n${HELP}`)
  process.exitCode = 2
} else {
  // Read when the library loads, which the import below does.
  process.env.ORT_DISABLE_TELEMETRY = '1'
  const { isWritable, runBench } = await import('../bench.ts')
  const { reportText } = await import('../report.ts')
  const { reportPage } = await import('../report-page.ts')
  if (values.html !== undefined && !isWritable(values.html)) {
    process.stderr.write(`bench: ${values.html} cannot be written\n`)
    process.exit(2)
  }
  const form = values.quick ? 'quick' : 'full'
  const options = { form, decisions: Number(decisions), megabytes: Number(megabytes) } as const
  const report = await runBench(options, (line) => void process.stderr.write(`${line}\n`))
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : reportText(report))
  if (values.html !== undefined) {
    writeFileSync(values.html, reportPage(report))
    process.stderr.write(`The report as a page: ${values.html}\n`)
  }
}
