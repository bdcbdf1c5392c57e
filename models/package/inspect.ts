import { parseArgs } from 'node:util'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { loadVerifier } from '../../device/crypto/signing.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { type Inspection, inspectPackage, type StatementSource } from './inspection.ts'
import { inspectionText, printable } from './inspection-text.ts'
import { readRegularFile } from './regular-file.ts'

const MAX_KEY_BYTES = 4096
const USAGE = `Usage: wardstone model inspect FILE [--json]
         [--image FILE --vendor-key PEM] [--grant FILE --fleet-key PEM]

Shows what a package says about itself and checks its structure without opening it. With image targets or a grant,
and the public key that must have signed them, it also checks that these speak of this package and hold today.

  --image FILE       image targets, and the vendor's public key that must have signed them
  --vendor-key PEM
  --grant FILE       the grant for a device, and the fleet's public key that must have signed it
  --fleet-key PEM
  --json             one JSON object

Examples:
  wardstone model inspect .wardstone/updates/news2-1.0.1/package.wspkg
  wardstone model inspect release/package.wspkg --image release/image.json --vendor-key vendor.pub --json

Exit codes: 0 nothing found against it, 1 refused, 2 wrong usage.
`

export interface InspectIo {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  readonly clock: Clock
}

interface Options {
  readonly file: string
  readonly json: boolean
  readonly image: KeyedPath | undefined
  readonly grant: KeyedPath | undefined
}

interface KeyedPath {
  readonly path: string
  readonly keyPath: string
}

/** `wardstone model inspect`. @returns the exit status: 0 nothing found against it, 1 refused, 2 wrong usage. */
export async function modelInspectCommand(args: readonly string[], io: InspectIo): Promise<0 | 1 | 2> {
  const options = parseOptions(args)
  if (options === 'help') {
    io.stdout.write(USAGE)
    return 0
  }
  if (options === undefined) {
    io.stderr.write(USAGE)
    return 2
  }
  try {
    const inspection = await inspect(options, io.clock.nowMs())
    io.stdout.write(options.json ? `${JSON.stringify(inspection)}\n` : inspectionText(inspection))
    return inspection.refusal === null ? 0 : 1
  } catch (error) {
    if (!isWardstoneError(error)) throw error
    const refusal = { code: error.code, message: error.message }
    if (options.json) io.stdout.write(`${JSON.stringify({ refusal })}\n`)
    else io.stderr.write(`${printable(`REFUSED ${refusal.code}: ${refusal.message} (${options.file})`)}\n`)
    return 1
  }
}

async function inspect({ file, image, grant }: Options, nowMs: number): Promise<Inspection> {
  return inspectPackage(file, { image: await loadStatement(image), grant: await loadStatement(grant) }, nowMs)
}

async function loadStatement(source: KeyedPath | undefined): Promise<StatementSource | undefined> {
  if (source === undefined) return undefined
  const pem = readRegularFile(source.keyPath, MAX_KEY_BYTES).toString('utf8')
  return { path: source.path, verifier: await loadVerifier(createCryptoProvider(), pem) }
}

function parseOptions(args: readonly string[]): Options | 'help' | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        image: { type: 'string' },
        grant: { type: 'string' },
        'vendor-key': { type: 'string' },
        'fleet-key': { type: 'string' },
      },
    })
    if (values.help) return 'help'
    const [file] = positionals
    const image = keyed(values.image, values['vendor-key'])
    const grant = keyed(values.grant, values['fleet-key'])
    if (file === undefined || positionals.length > 1 || image === 'half' || grant === 'half') return undefined
    return { file, json: values.json, image, grant }
  } catch {
    return undefined
  }
}

/** A statement without its key, or a key without its statement, would check nothing. */
function keyed(path: string | undefined, keyPath: string | undefined): KeyedPath | 'half' | undefined {
  if (path === undefined && keyPath === undefined) return undefined
  return path === undefined || keyPath === undefined ? 'half' : { path, keyPath }
}
