import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { IcuStayError } from '../../icu-stays/errors.ts'

/**
 * Makes the model and its figures again from the stays, and says which files came out as they were: `reproduce.ts --data DIR`.
 * With `--choose` the comparison of options comes first, which takes ten minutes more. Ends with 1 when a file differs.
 */
const { values: options } = parseArgs({
  options: { data: { type: 'string' }, choose: { type: 'boolean', default: false } },
})
if (options.data === undefined) throw new IcuStayError('stays_unreadable')
const folder = new URL('../', import.meta.url)
const made = ['train/spec.json', 'model.onnx', 'training.json', 'agreement.json', 'calibration.json', 'measured.json']
if (options.choose) made.push('choices.json')
const before = made.map(fingerprint)

const python = ['/usr/bin/python3', path('train/train.py'), '--data', options.data]
step(process.execPath, path('bin/prepare.ts'))
if (options.choose) step(...python, '--choose')
step(...python)
step(process.execPath, path('bin/measure.ts'), '--data', options.data)

const different = made.filter((name, index) => fingerprint(name) !== before[index])
for (const name of made) process.stdout.write(`${different.includes(name) ? 'different' : 'the same '}  ${name}\n`)
process.exitCode = different.length === 0 ? 0 : 1

function step(...[file = '', ...args]: string[]): void {
  process.stdout.write(`${[file, ...args].join(' ')}\n`)
  const { status } = spawnSync(file, args, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

function path(name: string): string {
  return fileURLToPath(new URL(name, folder))
}

/** Of a JSON file its content counts, not how it is laid out. */
function fingerprint(name: string): string {
  const bytes = readFileSync(new URL(name, folder))
  const content = name.endsWith('.json') ? JSON.stringify(JSON.parse(bytes.toString('utf8'))) : bytes
  return createHash('sha256').update(content).digest('hex')
}
