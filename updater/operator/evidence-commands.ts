import { verifierKeyText } from '../../device/checkpoint/signed-note.ts'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { loadVerifier } from '../../device/crypto/signing.ts'
import { readFileBounded } from '../../device/platform/atomic-file.ts'
import { type FleetIo, writeAll } from './command-io.ts'
import { loadFleetConfig } from './config.ts'
import { deviceLine } from './device-list.ts'
import { FleetError } from './errors.ts'
import { findingMeanings } from './findings.ts'
import { openFleetReader } from './reading.ts'

const MAX_KEY_BYTES = 4096
const SOME_FOUND = 3

/**
 * Prints the newest checkpoint of a device's log as the signed note that it is, byte for byte, so that it can be handed
 * to `wardstone audit verify --checkpoint`; as JSON the whole history.
 */
export async function showCheckpoints(
  configPath: string,
  device: string,
  options: { readonly json: boolean },
  { stdout }: FleetIo,
): Promise<number> {
  const reader = openFleetReader(loadFleetConfig(configPath).database)
  try {
    if (!reader.hasDevice(device)) throw new FleetError('fleet_device_unknown')
    const history = reader.checkpoints(device)
    const [newest] = history
    if (newest === undefined) throw new FleetError('fleet_checkpoint_none')
    await writeAll(stdout, options.json ? `${JSON.stringify({ device, checkpoints: history })}\n` : newest.note)
    return 0
  } finally {
    reader.close()
  }
}

/** Prints what should not have been, newest first. @returns 0 when there is nothing, 3 when there is something */
export async function showFindings(
  configPath: string,
  options: { readonly json: boolean },
  { stdout }: FleetIo,
): Promise<number> {
  const reader = openFleetReader(loadFleetConfig(configPath).database)
  try {
    const findings = reader.findings()
    const text = findings.map(({ device, kind, times, firstAtMs, lastAtMs, evidence }) => {
      const span = `${times}×, first ${new Date(firstAtMs).toISOString()}, last ${new Date(lastAtMs).toISOString()}`
      const shown = evidence === '' ? '' : `${evidence.trimEnd().replaceAll(/^/gm, '    ')}\n`
      return `${device}  ${kind}  ${span}\n  ${findingMeanings[kind]}\n${shown}`
    })
    const nothing = 'Nothing was found.\n'
    await writeAll(stdout, options.json ? `${JSON.stringify({ findings })}\n` : text.join('') || nothing)
    return findings.length === 0 ? 0 : SOME_FOUND
  } finally {
    reader.close()
  }
}

/** Prints the line that enrols a device: its name and the key of its log under the log's origin. */
export async function showDeviceLine(
  device: string,
  origin: string,
  keyPath: string,
  { stdout }: FleetIo,
): Promise<number> {
  const pem = readKey(keyPath)
  const { publicKey } = await loadVerifier(createCryptoProvider(), pem)
  await writeAll(stdout, deviceLine(device, verifierKeyText({ name: origin, publicKey })))
  return 0
}

function readKey(path: string): string {
  try {
    return readFileBounded(path, MAX_KEY_BYTES).toString('utf8')
  } catch (cause) {
    throw new FleetError('fleet_config_invalid', { cause, about: 'log key' })
  }
}
