import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { verifierKeyText } from '../device/checkpoint/signed-note.ts'
import type { CryptoProvider } from '../device/crypto/provider.ts'
import { loadVerifier } from '../device/crypto/signing.ts'
import { type CertificateProfile, createAuthority, issueCertificate } from '../device/identity/certificate-authority.ts'
import { createCertificateRequest } from '../device/identity/certificate-request.ts'
import { generateIdentityKey } from '../device/identity/identity-key.ts'
import { readFileBounded, syncDirectory, writeFileAtomic } from '../device/platform/atomic-file.ts'
import { FLEET_NAME } from './broker-access.ts'
import { isTaken, type Site, siteWriteError } from './site.ts'

/** The name of the hospital in the fleet's topics. */
export const FLEET_SITE = 'demo'
const DAYS = 3650
const MAX_KEY_BYTES = 4096

/**
 * The other side of a development site: the fleet's own certificate authority, broker, manager and list of devices, and what
 * egress on the box shows that broker. Made once, beside its place, and renamed into it when whole.
 */
export async function openFleetFolder(site: Site, provider: CryptoProvider): Promise<void> {
  if (existsSync(site.path('fleet'))) return
  const making = site.path(`.fleet-${process.pid}`)
  rmSync(making, { recursive: true, force: true })
  mkdirSync(making, { mode: 0o700 })
  await writeCertificates(making, site.deviceId, provider)
  writeFileAtomic(join(making, 'devices.txt'), await enrolment(site, provider))
  try {
    renameSync(making, site.path('fleet'))
    syncDirectory(site.root)
  } catch (cause) {
    rmSync(making, { recursive: true, force: true })
    // Another start was quicker: its folder is used.
    if (!isTaken(cause)) throw siteWriteError(cause, site.root)
  }
}

async function writeCertificates(folder: string, deviceId: string, provider: CryptoProvider): Promise<void> {
  const nowMs = Date.now()
  const commonName = 'Wardstone development fleet'
  const authority = await createAuthority(provider, { commonName, days: DAYS, nowMs })
  writeFileAtomic(join(folder, 'authority.pem'), authority.certificatePem)
  const issue = async (file: string, profile: CertificateProfile, name: string) => {
    const key = await generateIdentityKey(provider)
    const subject = { commonName: name, organization: commonName }
    const request = await createCertificateRequest(provider, key.privatePem, subject)
    const addresses = profile === 'server' ? { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] } : {}
    const options = { profile, commonName: name, days: DAYS, nowMs, ...addresses }
    writeFileAtomic(join(folder, `${file}.key`), key.privatePem)
    writeFileAtomic(join(folder, `${file}.pem`), await issueCertificate(provider, authority, request, options))
  }
  await issue('broker', 'server', 'localhost')
  await issue('manager', 'device', FLEET_NAME)
  await issue('egress', 'device', deviceId)
}

/** The line that enrols the device: its name, and the key and origin of its audit log. */
async function enrolment(site: Site, provider: CryptoProvider): Promise<string> {
  const text = (name: string) => readFileBounded(site.path(name), MAX_KEY_BYTES).toString('utf8')
  const { publicKey } = await loadVerifier(provider, text('keys/log.pub'))
  const { log } = JSON.parse(text('runtime.json')) as { log: { origin: string } }
  return `${FLEET_SITE}/${site.deviceId} ${verifierKeyText({ name: log.origin, publicKey })}\n`
}
