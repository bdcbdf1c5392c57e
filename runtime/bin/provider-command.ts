import { parseArgs } from 'node:util'
import { printable } from '../../models/package/inspection-text.ts'
import { findProvider, type ProviderFinding, type ProviderSite, thisSite } from '../inference/provider-site.ts'
import type { ProviderName } from '../inference/types.ts'
import type { Command } from './command.ts'

const names: readonly ProviderName[] = ['cuda', 'webgpu', 'cpu']
const exitCodes = { done: 0, usage: 2, missing: 13 } as const

const USAGE = `Usage: wardstone device providers [NAME...] [--json]

Says of each execution provider (cuda, webgpu, cpu) whether what it needs is on this device: libraries and what they ask for,
driver, device nodes, with their versions; what is missing, and how to get it. Files are looked at and nothing is loaded. That a
provider works for a model is shown when the model is loaded: a warm-up counts the nodes it runs, and the golden vectors decide.

  NAME      only these, and the exit code is about them; without a name it is about cpu
  --json    JSON on standard output

Examples:
  wardstone device providers
  wardstone device providers cuda --json

Exit codes: 0 all of them are there, 13 one is not, 2 wrong usage.
`

export const providerCommand: Command = {
  name: 'device providers',
  synopsis: '[NAME...] [--json]',
  summary: 'which execution providers this device has, and what the others lack',
  operand: names,
  options: { json: 'flag' },
  exitCodes: { [exitCodes.missing]: 'a provider is not there' },
  run: async (args) => {
    const { text, isFault, code } = answer(args, thisSite())
    if (isFault) process.stderr.write(text)
    else process.stdout.write(text)
    return code
  },
}

interface Answer {
  readonly text: string
  readonly isFault: boolean
  readonly code: number
}

function answer(args: readonly string[], site: ProviderSite): Answer {
  const options = readOptions(args)
  if (options === undefined) return { text: USAGE, isFault: true, code: exitCodes.usage }
  if (options.help) return { text: USAGE, isFault: false, code: exitCodes.done }
  const asked = options.names.length > 0 ? options.names : names
  const judged = options.names.length > 0 ? options.names : ['cpu']
  const findings = asked.map((name) => findProvider(name, site))
  const isThere = findings.every((finding) => finding.isThere || !judged.includes(finding.provider))
  const text = options.json
    ? `${JSON.stringify({ providers: findings.map(describe) })}\n`
    : `${findings.map(providerText).join('\n')}`
  return { text, isFault: false, code: isThere ? exitCodes.done : exitCodes.missing }
}

function describe({ provider, isThere, found, missing }: ProviderFinding) {
  return { provider, isThere, found, missing }
}

function providerText({ provider, isThere, found, missing }: ProviderFinding): string {
  const lines = [
    ...found.map(({ what, name, version }) => `  has      ${what} ${name}${version === null ? '' : ` ${version}`}`),
    ...missing.flatMap(({ what, name, remedy }) => [`  missing  ${what} ${name}`, `           ${remedy}`]),
  ]
  return `${provider}: ${isThere ? 'there' : 'not there'}\n${lines.map((line) => `${printable(line)}\n`).join('')}`
}

function readOptions(args: readonly string[]) {
  try {
    const options = {
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    } as const
    const { values, positionals } = parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
    const known = names.filter((name) => positionals.includes(name))
    return positionals.every((name) => names.some((one) => one === name)) ? { ...values, names: known } : undefined
  } catch {
    return undefined
  }
}
