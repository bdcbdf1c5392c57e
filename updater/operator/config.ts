import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { z } from 'zod'
import type { CryptoProvider } from '../../device/crypto/provider.ts'
import { type Catalogue, parseCatalogue } from '../../device/outbound/catalogue.ts'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { loadConfig } from '../../device/platform/config.ts'
import { errorCode } from '../../device/platform/errors.ts'
import { type DeviceList, parseDeviceList } from './device-list.ts'
import { FleetError } from './errors.ts'

const path = z.string().min(1).max(4096)

/** The configuration file of the fleet manager; docs/fleet.md shows one. Relative paths start at the file's folder. */
export const fleetConfigSchema = z.strictObject({
  /** Name of this collector; the client id at the broker is made from it, so that each needs its own. */
  collector: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'lower-case letters, digits and hyphens, at most 32'),
  broker: z
    .string()
    .regex(/^mqtts:\/\/[A-Za-z0-9.-]+(:\d{1,5})?$|^mqtts:\/\/\[[0-9a-f:]+\](:\d{1,5})?$/, 'mqtts://HOST:PORT'),
  protocol: z.literal([5, 4]).default(5),
  /** The shared subscription that several collectors divide among them; without it a collector takes everything. */
  group: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'lower-case letters, digits and hyphens, at most 32')
    .optional(),
  authority: path,
  certificate: path,
  key: path,
  database: path,
  devices: path,
  /** What the numbers of models mean; without it an export shows numbers. */
  catalogue: path.optional(),
})

export type FleetConfig = z.infer<typeof fleetConfigSchema>

/** A configuration with its paths made absolute: what reading the database needs, and no secret. */
export function loadFleetConfig(file: string): FleetConfig {
  const config = loadConfig(file, fleetConfigSchema)
  const at = (name: string) => resolve(file, '..', name)
  return {
    ...config,
    authority: at(config.authority),
    certificate: at(config.certificate),
    key: at(config.key),
    database: at(config.database),
    devices: at(config.devices),
    ...(config.catalogue === undefined ? {} : { catalogue: at(config.catalogue) }),
  }
}

/** @throws FleetError fleet_config_invalid */
export function loadFleetCatalogue({ catalogue }: FleetConfig): Catalogue | undefined {
  if (catalogue === undefined) return undefined
  try {
    return parseCatalogue(readFileBounded(catalogue, MAX_CATALOGUE_BYTES))
  } catch (cause) {
    throw new FleetError('fleet_config_invalid', { cause, about: `catalogue: ${reason(cause)}` })
  }
}

/** What the collector shows the broker, and whom it listens to. */
export interface FleetTrust {
  readonly authority: string
  readonly certificate: string
  readonly key: string
  readonly devices: DeviceList
}

const MAX_CATALOGUE_BYTES = 64 * 1024
const MAX_PEM_BYTES = 256 * 1024
const MAX_LIST_BYTES = 16 * 1024 * 1024
const OTHERS = 0o077

/** @throws PlatformError file_too_large; the system's own error when it cannot be opened */
export function readPem(path: string): string {
  return readFileBounded(path, MAX_PEM_BYTES).toString('utf8')
}

/**
 * Reads every file that the configuration names, and reports all that is wrong with them together.
 * @throws FleetError fleet_config_invalid
 */
export async function loadFleetTrust(config: FleetConfig, provider: CryptoProvider): Promise<FleetTrust> {
  const faults: string[] = []
  const pem = (name: 'authority' | 'certificate' | 'key', label: string) => {
    try {
      const text = readPem(config[name])
      if (!text.includes(`-----BEGIN ${label}-----`)) faults.push(`${name}: not a PEM file of this kind`)
      return text
    } catch (error) {
      faults.push(`${name}: ${reason(error)}`)
      return ''
    }
  }
  const trust = {
    authority: pem('authority', 'CERTIFICATE'),
    certificate: pem('certificate', 'CERTIFICATE'),
    key: pem('key', 'PRIVATE KEY'),
    devices: await deviceList(config.devices, provider, faults),
  }
  try {
    loadFleetCatalogue(config)
  } catch (error) {
    faults.push(error instanceof FleetError ? (error.about ?? 'catalogue') : 'catalogue')
  }
  // The broker knows both by the name in the certificate: a device of this name could hear and acknowledge everything.
  const isTaken = [...trust.devices.keys()].some((device) => device.endsWith(`/${config.collector}`))
  if (isTaken) faults.push('devices: a device has the name of this collector')
  // A key that others on the machine can read is no key.
  if (trust.key !== '' && (statSync(config.key).mode & OTHERS) !== 0) faults.push('key: readable by others, chmod 600')
  if (faults.length === 0 && !isPair(trust)) faults.push('key: not the key of the certificate')
  if (faults.length > 0) throw new FleetError('fleet_config_invalid', { about: faults.join('; ') })
  return trust
}

function isPair({ authority, certificate, key }: FleetTrust): boolean {
  try {
    createSecureContext({ ca: authority, cert: certificate, key })
    return true
  } catch {
    return false
  }
}

async function deviceList(path: string, provider: CryptoProvider, faults: string[]): Promise<DeviceList> {
  try {
    const { devices, faults: found } = await parseDeviceList(readFileBounded(path, MAX_LIST_BYTES), provider)
    faults.push(...found.map((fault) => `devices: ${fault}`))
    return devices
  } catch (error) {
    faults.push(`devices: ${reason(error)}`)
    return new Map()
  }
}

function reason(error: unknown): string {
  const system = (error as NodeJS.ErrnoException).code
  return typeof system === 'string' ? system : errorCode(error)
}
