import { resolve } from 'node:path'
import { jobAnswer, type Source } from '../../models/store/control-channel.ts'
import {
  COMMON_HELP,
  commonOptions,
  Misuse,
  type ModelIo,
  readArgs,
  runModelCommand,
  WAITING_EXIT_HELP,
} from './model-client.ts'
import { follow } from './model-follow.ts'

const USAGE = `Usage: wardstone model install FOLDER | https://HOST/FOLDER | --usb MOUNT [--name NAME] [options]

Has the updater fetch a release of a model, verify and stage it, and the runtime prove it on this device. Then it goes live without
an interruption. A release is a folder with package.wspkg, image.json and grant.json; on a medium it is wardstone/NAME/.

  --usb MOUNT     where a medium is mounted
  --name NAME     which release, when there are several on the medium
  --stage-only    fetch, verify and stage; "wardstone model activate" runs it later
  --no-wait       leave as soon as the job has begun
${COMMON_HELP}
Examples:
  wardstone model install /srv/releases/news2-1.2.0
  wardstone model install https://releases.example/device-1/news2 --json
  wardstone model install --usb /media/usb0 --name news2-1.2.0 --stage-only

Ctrl-C leaves the job running.

${WAITING_EXIT_HELP}`

/** `wardstone model install`. @returns the exit code */
export function modelInstallCommand(args: readonly string[], site: string, io: ModelIo): Promise<number> {
  return runModelCommand(USAGE, site, io, () => {
    const { values, positionals } = readArgs(args, {
      ...commonOptions,
      usb: { type: 'string' },
      name: { type: 'string' },
      'stage-only': { type: 'boolean', default: false },
      'no-wait': { type: 'boolean', default: false },
    })
    if (values.help) return 'help'
    const source = readSource(positionals, values.usb)
    const name = values.name ?? null
    if (name !== null && source.kind !== 'usb') throw new Misuse('--name chooses a release on a medium: it needs --usb')
    if (name !== null && !/^[A-Za-z0-9][A-Za-z0-9.-]{0,199}$/.test(name))
      throw new Misuse('--name takes letters, digits, dots and hyphens')
    const { json } = values
    return {
      ...{ socket: values.socket, json },
      run: async (ask) => {
        const request = { source, name, activate: !values['stage-only'], by: io.account }
        return follow(await ask('install', request, jobAnswer), ask, io, { json, waits: !values['no-wait'] })
      },
    }
  })
}

function readSource(positionals: readonly string[], usb: string | undefined): Source {
  const [place, ...others] = positionals
  if (others.length > 0 || (place === undefined) === (usb === undefined))
    throw new Misuse('name one source: a folder, an https address, or a medium with --usb')
  if (usb !== undefined) return { kind: 'usb', path: resolve(usb) }
  if (place === undefined || place === '') throw new Misuse('name a source')
  if (/^https:\/\//i.test(place)) return { kind: 'https', url: place }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) throw new Misuse('an address starts with https://')
  return { kind: 'directory', path: resolve(place) }
}
