import { X509Certificate } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import type { OptionValue } from '../../device/command-line/command.ts'
import { describeCertificate } from '../../device/identity/certificate.ts'
import { validityState } from '../../device/identity/validity.ts'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { loadConfig } from '../../device/platform/config.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { ClientError } from './client-errors.ts'

/** Where the box is and who asks, read and found to fit together. */
export interface BoxSettings {
  readonly url: URL
  readonly certificate: string
  readonly key: string
  readonly authority: string
}

/** The options of `parseArgs` that say it. */
export const boxOptions = {
  url: { type: 'string' },
  certificate: { type: 'string' },
  key: { type: 'string' },
  authority: { type: 'string' },
  client: { type: 'string' },
} as const

/** The same for help and completion. */
export const boxOptionValues = {
  url: 'text',
  certificate: 'file',
  key: 'file',
  authority: 'file',
  client: 'file',
} as const satisfies Readonly<Record<keyof typeof boxOptions, OptionValue>>

export const BOX_HELP = `  --url URL           the box, such as https://127.0.0.1:8443
  --certificate FILE  your client certificate, which says who you are and your role
  --key FILE          its private key
  --authority FILE    the certificate of the authority that vouches for the box
  --client FILE       a JSON file with these four as url, certificate, key and authority; what is given here comes before it
                      (default ~/.config/wardstone/client.json)
`

type Values = Readonly<Partial<Record<keyof typeof boxOptions, string | undefined>>>

const settingsSchema = z.strictObject({
  url: z.string().optional(),
  certificate: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  authority: z.string().min(1).optional(),
})

const MAX_PEM_BYTES = 64 * 1024
const names = ['url', 'certificate', 'key', 'authority'] as const

/**
 * @param defaultFile read where --client names none, if it is there
 * @throws ClientError client_address_invalid | client_settings_missing | client_file_unreadable | client_file_malformed | client_certificate_unusable
 */
export function loadBoxSettings(values: Values, defaultFile: string | undefined, nowMs: number): BoxSettings {
  const { url, certificate, key, authority, file } = settingsOf(values, defaultFile)
  const address = url === undefined ? undefined : addressOf(url)
  const missing = names.filter((name) => ({ url, certificate, key, authority })[name] === undefined)
  if (address === undefined || certificate === undefined || key === undefined || authority === undefined) {
    const looked = file === undefined ? '' : `; looked in ${file}`
    throw new ClientError('client_settings_missing', {
      about: `missing: ${missing.map((name) => `--${name}`).join(', ')}${looked}`,
    })
  }
  const settings = {
    url: address,
    certificate: readPem('certificate', certificate),
    key: readPem('key', key),
    authority: readPem('authority', authority),
  }
  verifyPair(settings, { certificate, key, authority }, nowMs)
  return settings
}

/** Paths in the file are as seen from the file, so that it can be moved with what it names. */
function settingsOf(values: Values, defaultFile: string | undefined) {
  const file = values.client ?? defaultFile
  const said = readSettings(file, values.client !== undefined)
  const at = (path: string | undefined) => (path === undefined ? undefined : resolve(dirname(file ?? ''), path))
  return {
    file,
    url: values.url ?? said.url,
    certificate: values.certificate ?? at(said.certificate),
    key: values.key ?? at(said.key),
    authority: values.authority ?? at(said.authority),
  }
}

/** A file that nobody named need not be there. */
function readSettings(file: string | undefined, isNamed: boolean): z.infer<typeof settingsSchema> {
  if (file === undefined) return {}
  try {
    return loadConfig(file, settingsSchema)
  } catch (error) {
    if (!isWardstoneError(error)) throw error
    const missing = systemCode(error.cause)
    if (!isNamed && missing === 'ENOENT') return {}
    if (missing !== undefined)
      throw new ClientError('client_file_unreadable', { cause: error, about: `--client ${file}: ${missing}` })
    const fault = error.code === 'config_invalid' ? error.about : 'not JSON'
    throw new ClientError('client_file_malformed', { cause: error, about: `--client ${file}: ${fault}` })
  }
}

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' || url.username !== '' || url.search !== '' || url.pathname !== '/')
    throw new ClientError('client_address_invalid', { about: '--url' })
  return url
}

function readPem(option: string, path: string): string {
  try {
    return readFileBounded(path, MAX_PEM_BYTES).toString('utf8')
  } catch (cause) {
    const why = isWardstoneError(cause) ? cause.code : (systemCode(cause) ?? 'internal')
    throw new ClientError('client_file_unreadable', { cause, about: `--${option} ${path}: ${why}` })
  }
}

/** Said before anything is sent: what TLS would say later is hard to read. */
function verifyPair(
  { certificate, key, authority }: BoxSettings,
  paths: Readonly<Record<'certificate' | 'key' | 'authority', string>>,
  nowMs: number,
): void {
  const unusable = (about: string, cause?: unknown) =>
    new ClientError('client_certificate_unusable', { about, ...(cause === undefined ? {} : { cause }) })
  try {
    // OpenSSL passes over what is no certificate.
    new X509Certificate(authority)
  } catch (cause) {
    throw unusable(`--authority ${paths.authority} is no certificate in PEM`, cause)
  }
  try {
    const described = describeCertificate(certificate)
    const state = validityState(described, nowMs)
    if (state !== 'in force')
      throw unusable(
        `--certificate ${paths.certificate} is ${state}: ${described.notBefore.toISOString()} to ${described.notAfter.toISOString()}`,
      )
    createSecureContext({ cert: certificate, key, ca: authority })
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    throw unusable(
      `--certificate ${paths.certificate} and --key ${paths.key} are not a certificate and its key in PEM`,
      cause,
    )
  }
}

/** The system's own code, such as ENOENT. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return /^E[A-Z0-9]{2,15}$/.test(code) ? code : undefined
}
