import { loadVerifierKey, type NamedVerifier } from '../../device/checkpoint/verifier-key.ts'
import type { CryptoProvider } from '../../device/crypto/provider.ts'

/** The devices that the fleet listens to, by `site/device`, each with the key of its audit log as pinned at enrolment. */
export type DeviceList = ReadonlyMap<string, NamedVerifier>

const MAX_DEVICES = 100_000
const LINE = /^(\S+)[ \t]+(\S+)$/
const NAME = /^[a-z0-9][a-z0-9-]{0,62}\/[a-z0-9][a-z0-9-]{0,62}$/

/** One line of the list. */
export function deviceLine(device: string, verifierKey: string): string {
  return `${device} ${verifierKey}\n`
}

export function isDeviceName(text: string): boolean {
  return NAME.test(text)
}

/**
 * Reads a list: `site/device vkey` a line, `#` starts a comment. Every fault is reported, by its line; nothing of a line
 * is repeated.
 */
export async function parseDeviceList(
  bytes: Uint8Array,
  provider: CryptoProvider,
): Promise<{ devices: DeviceList; faults: string[] }> {
  const devices = new Map<string, NamedVerifier>()
  const ids = new Set<string>()
  const faults: string[] = []
  for (const [index, line] of new TextDecoder().decode(bytes).split('\n').entries()) {
    const text = line.replace(/#.*$/, '').trim()
    if (text === '') continue
    const fault = devices.size < MAX_DEVICES ? await addDevice(devices, ids, text, provider) : 'too many devices'
    if (fault !== undefined) faults.push(`line ${index + 1}: ${fault}`)
    if (devices.size >= MAX_DEVICES) break
  }
  return { devices, faults }
}

async function addDevice(
  devices: Map<string, NamedVerifier>,
  ids: Set<string>,
  text: string,
  provider: CryptoProvider,
): Promise<string | undefined> {
  const [, device = '', key = ''] = LINE.exec(text) ?? []
  if (!isDeviceName(device)) return 'not in the form SITE/DEVICE KEY'
  // The broker's access list knows a device by its id alone (the name in its certificate): an id is unique in a fleet.
  if (ids.has(idOf(device))) return 'a device id that is listed before'
  ids.add(idOf(device))
  try {
    devices.set(device, await loadVerifierKey(provider, key))
    return undefined
  } catch {
    return 'the key is not a C2SP verifier key for Ed25519'
  }
}

function idOf(device: string): string {
  return device.slice(device.indexOf('/') + 1)
}
