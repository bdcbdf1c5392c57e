import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import type { Clock } from '../../device/platform/clock.ts'
import { MAX_IMAGE_BYTES } from '../package/targets.ts'
import { GRANT_FILE, IMAGE_FILE, PACKAGE_FILE } from '../store/layout.ts'
import { type AuthoringIo, authoringExitCodes, Misuse, runAuthoring } from './command-io.ts'
import { readWhole, writeNew } from './files.ts'
import { type ReleasePackage, readReleasePackage, signFleet, signVendor } from './sign-release.ts'

export const CONTENT_KEY_FILE = 'content.key'
const MAX_KEY_BYTES = 4096
const DEFAULT_DAYS = '365'
const MAX_DAYS = 3650
const MS_PER_DAY = 86_400_000

const USAGE = `Usage: wardstone model sign FOLDER --vendor-signing-key KEY.pem [--image PREVIOUS.json --vendor-key PUBLIC.pem]
       wardstone model sign FOLDER --fleet-signing-key KEY.pem --device ID --device-key FILE
       [--days N]

Makes what is missing between a package and a release that a box takes (docs/updates.md). FOLDER is what "wardstone model pack"
wrote. The vendor says that the package is theirs (image.json); the fleet says that one device may open it, with its key
(grant.json). Each keeper signs with their own key, where that key is kept; who has both may name both. Nothing is written over.

  --vendor-signing-key FILE  the vendor's private key (Ed25519, PEM)
  --image FILE               the vendor's statement before this one: what it lists and revokes stays so, and its version is passed.
                             Without it the version is 1, which a box that has seen one refuses
  --vendor-key FILE          the vendor's public key, which must have signed --image
  --fleet-signing-key FILE   the fleet's private key (Ed25519, PEM); ${CONTENT_KEY_FILE} of FOLDER is wrapped for the device
  --device ID                the device, as its runtime.json and updater.json name it
  --device-key FILE          the device's public key for packages (65 bytes, base64)
  --days N                   how long the statements hold, 1 to ${MAX_DAYS} (default ${DEFAULT_DAYS})

Example, on the development site of the demo:
  wardstone model sign release --vendor-signing-key .wardstone/signing/vendor.key \\
    --image .wardstone/store/image.json --vendor-key .wardstone/signing/vendor.pub \\
    --fleet-signing-key .wardstone/signing/fleet.key --device development-device --device-key .wardstone/device/package.pub
  wardstone model install release

Exit codes: 0 signed, 2 wrong usage, 20 a file cannot be read or written, or is not what it should be.
`

const options = {
  'vendor-signing-key': { type: 'string' },
  image: { type: 'string' },
  'vendor-key': { type: 'string' },
  'fleet-signing-key': { type: 'string' },
  device: { type: 'string' },
  'device-key': { type: 'string' },
  days: { type: 'string', default: DEFAULT_DAYS },
  help: { type: 'boolean', short: 'h', default: false },
} as const

interface SignRequest {
  readonly folder: string
  readonly days: number
  readonly vendor:
    | { readonly key: string; readonly previous: readonly [image: string, key: string] | undefined }
    | undefined
  readonly fleet: { readonly key: string; readonly device: string; readonly deviceKey: string } | undefined
}

/** `wardstone model sign`. @returns the exit code */
export function modelSignCommand(
  args: readonly string[],
  io: AuthoringIo & { readonly clock: Clock },
): Promise<number> {
  return runAuthoring(USAGE, false, io, async () => {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options })
    if (values.help) {
      io.stdout.write(USAGE)
      return authoringExitCodes.done
    }
    await sign(readRequest(values, positionals), io)
    return authoringExitCodes.done
  })
}

type Values = Partial<Readonly<Record<Exclude<keyof typeof options, 'help'>, string>>>

function readRequest(values: Values, [folder, ...others]: readonly string[]): SignRequest {
  if (folder === undefined || others.length > 0) throw new Misuse('name one folder')
  const { image, device, 'vendor-signing-key': vendor, 'fleet-signing-key': fleet } = values
  const { 'vendor-key': vendorKey, 'device-key': deviceKey } = values
  const days = Number(values.days)
  if (!Number.isSafeInteger(days) || days < 1 || days > MAX_DAYS) throw new Misuse(`--days is from 1 to ${MAX_DAYS}`)
  if ((vendor ?? fleet) === undefined) throw new Misuse('name a signing key: the vendor’s, the fleet’s, or both')
  const previous = image === undefined || vendorKey === undefined ? undefined : ([image, vendorKey] as const)
  if (previous === undefined && (image ?? vendorKey) !== undefined)
    throw new Misuse('--image and --vendor-key go together')
  if (fleet === undefined && (device ?? deviceKey) !== undefined)
    throw new Misuse('--device and --device-key go with --fleet-signing-key')
  if (fleet !== undefined && (device === undefined || deviceKey === undefined))
    throw new Misuse('--fleet-signing-key needs --device and --device-key')
  return {
    folder,
    days,
    vendor: vendor === undefined ? undefined : { key: vendor, previous },
    fleet: fleet === undefined ? undefined : { key: fleet, device: device ?? '', deviceKey: deviceKey ?? '' },
  }
}

type SignIo = AuthoringIo & { readonly clock: Clock }

async function sign(request: SignRequest, io: SignIo): Promise<void> {
  const { folder, vendor, fleet, days } = request
  const nowMs = io.clock.nowMs()
  const release = await readReleasePackage(join(folder, PACKAGE_FILE), nowMs)
  const expiresAtMs = nowMs + days * MS_PER_DAY
  const said: string[] = []
  if (vendor !== undefined) said.push(await vendorSigns(request, vendor, release, expiresAtMs))
  if (fleet !== undefined) said.push(await fleetSigns(request, fleet, release, expiresAtMs))
  io.stdout.write(said.map((line) => `${line}\n`).join(''))
  const missing = [IMAGE_FILE, GRANT_FILE].filter((name) => !existsSync(join(folder, name)))
  io.stderr.write(
    missing.length === 0
      ? `Destroy ${CONTENT_KEY_FILE} once every device has its grant. Then: wardstone model install ${folder}\n`
      : `Still missing: ${missing.join(', ')}\n`,
  )
}

async function vendorSigns(
  { folder }: SignRequest,
  { key, previous }: NonNullable<SignRequest['vendor']>,
  release: ReleasePackage,
  expiresAtMs: number,
): Promise<string> {
  const before = previous && { bytes: readWhole(previous[0], MAX_IMAGE_BYTES), publicKeyPem: textOf(previous[1]) }
  const hand = { signingKeyPem: textOf(key), expiresAtMs, previous: before }
  const { bytes, version } = await signVendor(release, hand, createCryptoProvider())
  writeNew(join(folder, IMAGE_FILE), bytes)
  return `${IMAGE_FILE}  version ${version}, until ${dateOf(expiresAtMs)}`
}

async function fleetSigns(
  { folder }: SignRequest,
  { key, device, deviceKey }: NonNullable<SignRequest['fleet']>,
  release: ReleasePackage,
  expiresAtMs: number,
): Promise<string> {
  const hand = {
    signingKeyPem: textOf(key),
    expiresAtMs,
    deviceId: device,
    devicePublicKey: Buffer.from(textOf(deviceKey), 'base64'),
    contentKey: Buffer.from(textOf(join(folder, CONTENT_KEY_FILE)), 'base64'),
  }
  writeNew(join(folder, GRANT_FILE), await signFleet(release, hand, createCryptoProvider()))
  return `${GRANT_FILE}  for ${device}, until ${dateOf(expiresAtMs)}`
}

/** A key as its file has it. */
function textOf(path: string): string {
  return readWhole(path, MAX_KEY_BYTES).toString('utf8').trim()
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
