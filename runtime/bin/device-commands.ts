import { existsSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { describeCertificate } from '../../device/identity/certificate.ts'
import { requestIdentity } from '../../device/identity/enrolment.ts'
import { IdentityError } from '../../device/identity/errors.ts'
import { isPair } from '../../device/identity/issued-certificate.ts'
import { daysLeft, expiresSoon, renewalAtMs, validityState } from '../../device/identity/validity.ts'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { printable } from '../../models/package/inspection-text.ts'
import type { Command } from './command.ts'
import { providerCommand } from './provider-command.ts'

const KEY = 'device/identity.key'
const MAX_PEM_BYTES = 64 * 1024
/** A certificate that needs somebody is told by the exit code, for a script that looks every day. */
const exitCodes = { done: 0, failed: 1, usage: 2, expiresSoon: 10, expired: 11, unusable: 12 } as const

const REQUEST_USAGE = `Usage: wardstone device request --name NAME [--key FILE] [--json]

The first step of enrolment: makes a key on this device, which never leaves it, and beside it a request for its certificate.
A key that is there already is kept.

  --name NAME   the device's name in the fleet: the common name of its certificate
  --key FILE    the key (default SITE/${KEY}); egress has its own, in its folder
  --json        JSON on standard output

Examples:
  wardstone device request --name box-1
  wardstone device request --name box-1 --key /etc/wardstone/egress/egress.key

Exit codes: 0 done, 1 failed, 2 wrong usage.
`

const IDENTITY_USAGE = `Usage: wardstone device identity [--key FILE] [--json]

Shows a certificate of this device: whose it is, until when, when the next one will be asked for, and whether it fits its key.

  --key FILE    the key (default SITE/${KEY}); the certificate lies beside it as .pem
  --json        JSON on standard output

Examples:
  wardstone device identity
  wardstone device identity --key /etc/wardstone/egress/egress.key --json

Exit codes: 0 in order, 10 expires soon, 11 expired or not valid yet, 12 cannot be used, 2 wrong usage.
`

export const deviceCommands: readonly Command[] = [
  {
    name: 'device request',
    synopsis: '--name NAME',
    summary: 'make a key on this device and a request for its certificate',
    options: { name: 'text', key: 'file', json: 'flag' },
    exitCodes: { [exitCodes.failed]: 'failed or refused' },
    run: deviceRequest,
  },
  {
    name: 'device identity',
    synopsis: '[--key FILE]',
    summary: 'a certificate of this device: whose, until when, does it fit its key',
    options: { key: 'file', json: 'flag' },
    exitCodes: {
      [exitCodes.expiresSoon]: 'the certificate expires soon',
      [exitCodes.expired]: 'the certificate has expired, or is not valid yet',
      [exitCodes.unusable]: 'the certificate cannot be used',
    },
    run: deviceIdentity,
  },
  providerCommand,
]

async function deviceRequest(args: readonly string[], site: string): Promise<number> {
  const options = readOptions(args)
  if (options?.help) return say(REQUEST_USAGE)
  if (options?.name === undefined) return complain(REQUEST_USAGE, exitCodes.usage)
  const key = resolve(site, options.key ?? KEY)
  try {
    const { path, isNewKey } = await requestIdentity(createCryptoProvider(), key, options.name)
    if (options.json) return say(`${JSON.stringify({ key, request: path, isNewKey })}\n`)
    return say(
      `${isNewKey ? 'A new key was made' : 'The key that is there was kept'}: ${key}\n` +
        `Have the authority of the fleet sign ${path}, and put the certificate at ${certificateOf(key)}\n`,
    )
  } catch (error) {
    const known = isWardstoneError(error) ? `${error.message} [${error.code}]` : (error as Error).message
    return complain(`device request: ${printable(known)}\n`, exitCodes.failed)
  }
}

async function deviceIdentity(args: readonly string[], site: string): Promise<number> {
  const options = readOptions(args)
  if (options?.help) return say(IDENTITY_USAGE)
  if (options === undefined || options.name !== undefined) return complain(IDENTITY_USAGE, exitCodes.usage)
  const key = resolve(site, options.key ?? KEY)
  try {
    const found = identityAt(key)
    say(options.json ? `${JSON.stringify(found.json)}\n` : found.text)
    return found.code
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error
    return complain(`device identity: ${printable(error.message)} [${error.code}]\n`, exitCodes.unusable)
  }
}

function identityAt(key: string) {
  const certificate = certificateOf(key)
  for (const path of [key, certificate])
    if (!existsSync(path)) throw new IdentityError('identity_unusable', { about: `${path} is missing` })
  const pem = readFileBounded(certificate, MAX_PEM_BYTES).toString('utf8')
  const described = describeCertificate(pem)
  if (!isPair(pem, readFileBounded(key, MAX_PEM_BYTES).toString('utf8')))
    throw new IdentityError('identity_unusable', { about: 'the certificate is of another key' })
  const nowMs = systemClock.nowMs()
  const state = validityState(described, nowMs)
  const isSoon = state === 'in force' && expiresSoon(described, nowMs)
  const json = {
    name: described.commonName,
    state: isSoon ? 'expires soon' : state,
    notBefore: described.notBefore.toISOString(),
    notAfter: described.notAfter.toISOString(),
    daysLeft: daysLeft(described, nowMs),
    renewalAt: new Date(renewalAtMs(described)).toISOString(),
    fingerprint: described.fingerprint,
  }
  const text = [
    `name         ${printable(json.name)}`,
    `state        ${json.state}`,
    `valid        ${json.notBefore} to ${json.notAfter} (${json.daysLeft} days left)`,
    `renewal      asked for from ${json.renewalAt}`,
    `fingerprint  ${json.fingerprint}`,
  ]
  const code = state !== 'in force' ? exitCodes.expired : isSoon ? exitCodes.expiresSoon : exitCodes.done
  return { json, text: `${text.join('\n')}\n`, code }
}

function certificateOf(key: string): string {
  return join(dirname(key), `${basename(key, extname(key))}.pem`)
}

function readOptions(args: readonly string[]) {
  try {
    const options = {
      name: { type: 'string' },
      key: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    } as const
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch {
    return undefined
  }
}

function say(text: string): number {
  process.stdout.write(text)
  return exitCodes.done
}

function complain(text: string, code: number): number {
  process.stderr.write(text)
  return code
}
