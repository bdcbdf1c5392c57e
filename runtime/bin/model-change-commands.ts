import {
  jobAnswer,
  type ListAnswer,
  listAnswer,
  type ReleaseSummary,
  removeAnswer,
} from '../../models/store/control-channel.ts'
import { ControlError } from '../../models/store/control-errors.ts'
import { SLOT_NAME } from '../../models/store/layout.ts'
import {
  type Asks,
  COMMON_HELP,
  commonOptions,
  EXIT_HELP,
  Misuse,
  type ModelIo,
  modelExitCodes,
  readArgs,
  runModelCommand,
  WAITING_EXIT_HELP,
} from './model-client.ts'
import { follow } from './model-follow.ts'

const RELEASE_HELP = `RELEASE is MODEL@VERSION, or the first eight or more characters of the hash of the package, as "wardstone model list" shows them.
`

const ACTIVATE_USAGE = `Usage: wardstone model activate RELEASE [options]

Has the runtime prove a staged release and make it run.
${RELEASE_HELP}
  --no-wait       leave as soon as the job has begun
${COMMON_HELP}
Examples:
  wardstone model activate news2@1.2.0
  wardstone model activate 3fa94c21b07d

${WAITING_EXIT_HELP}`

const ROLLBACK_USAGE = `Usage: wardstone model rollback SLOT [options]

Goes back to the release that ran in a slot before; the runtime proves it once more. A second rollback does not lead forward.

  --no-wait       leave as soon as the job has begun
${COMMON_HELP}
Example:
  wardstone model rollback news2

${WAITING_EXIT_HELP}`

const REMOVE_USAGE = `Usage: wardstone model remove RELEASE [options]

Takes a staged release out of the store. What runs, and what is kept for a rollback, stays.
${RELEASE_HELP}
${COMMON_HELP}
Example:
  wardstone model remove news2@1.3.0

${EXIT_HELP}`

const changeOptions = { ...commonOptions, 'no-wait': { type: 'boolean', default: false } } as const

/** `wardstone model activate`. @returns the exit code */
export function modelActivateCommand(args: readonly string[], site: string, io: ModelIo): Promise<number> {
  return runModelCommand(ACTIVATE_USAGE, site, io, () => {
    const { values, positionals } = readArgs(args, changeOptions)
    if (values.help) return 'help'
    const wanted = one(positionals, 'name one release')
    const { socket, json } = values
    const run = async (ask: Asks) => {
      const release = await findRelease(wanted, ask)
      const begun = await ask('activate', { package: release.package, by: io.account }, jobAnswer)
      return follow(begun, ask, io, { json, waits: !values['no-wait'] })
    }
    return { socket, json, run }
  })
}

/** `wardstone model rollback`. @returns the exit code */
export function modelRollbackCommand(args: readonly string[], site: string, io: ModelIo): Promise<number> {
  return runModelCommand(ROLLBACK_USAGE, site, io, () => {
    const { values, positionals } = readArgs(args, changeOptions)
    if (values.help) return 'help'
    const slot = one(positionals, 'name one slot')
    if (!SLOT_NAME.test(slot)) throw new Misuse('a slot has the name of a model: small letters, digits and hyphens')
    const { socket, json } = values
    const run = async (ask: Asks) =>
      follow(await ask('rollback', { slot, by: io.account }, jobAnswer), ask, io, { json, waits: !values['no-wait'] })
    return { socket, json, run }
  })
}

/** `wardstone model remove`. @returns the exit code */
export function modelRemoveCommand(args: readonly string[], site: string, io: ModelIo): Promise<number> {
  return runModelCommand(REMOVE_USAGE, site, io, () => {
    const { values, positionals } = readArgs(args, commonOptions)
    if (values.help) return 'help'
    const wanted = one(positionals, 'name one release')
    const { socket, json } = values
    const run = async (ask: Asks) => {
      const release = await findRelease(wanted, ask)
      const answer = await ask('remove', { package: release.package, by: io.account }, removeAnswer)
      io.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${release.model} ${release.version} is removed.\n`)
      return modelExitCodes.done
    }
    return { socket, json, run }
  })
}

function one(positionals: readonly string[], fault: string): string {
  const [only, ...others] = positionals
  if (only === undefined || others.length > 0) throw new Misuse(fault)
  return only
}

/** @throws Misuse for a form that is none, or a beginning that fits two; ControlError control_release_unknown */
async function findRelease(wanted: string, ask: Asks): Promise<ReleaseSummary> {
  const [model, version] = wanted.split('@')
  const isHash = /^[0-9a-f]{8,64}$/.test(wanted)
  if (!isHash && (version === undefined || !SLOT_NAME.test(model ?? '')))
    throw new Misuse('a release is MODEL@VERSION or a hash')
  const known = releasesOf(await ask('list', {}, listAnswer))
  const fits = (release: ReleaseSummary) =>
    isHash ? release.package.startsWith(wanted) : release.model === model && release.version === version
  const [found, ...others] = known.filter(fits)
  if (found === undefined) throw new ControlError('control_release_unknown')
  if (others.length > 0) throw new Misuse('several releases fit: give more of the hash of the package')
  return found
}

function releasesOf({ slots, staged }: ListAnswer): ReleaseSummary[] {
  const all = [...staged, ...slots.flatMap(({ active, previous }) => [active, previous])]
  const known = new Map(all.filter((release) => release !== null).map((release) => [release.package, release]))
  return [...known.values()]
}
