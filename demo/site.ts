import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { generateHpkeKey } from '../device/crypto/hpke.ts'
import type { CryptoProvider } from '../device/crypto/provider.ts'
import type { Randomness } from '../device/crypto/randomness.ts'
import { generateSigningKey } from '../device/crypto/signing.ts'
import { type CertificateOptions, createAuthority, issueCertificate } from '../device/identity/certificate-authority.ts'
import { createCertificateRequest } from '../device/identity/certificate-request.ts'
import { generateIdentityKey } from '../device/identity/identity-key.ts'
import { readFileBounded, syncDirectory, writeFileAtomic } from '../device/platform/atomic-file.ts'
import { StoreError } from '../models/store/errors.ts'
import { type ModelStore, modelStore, pointerPath, releasePaths } from '../models/store/layout.ts'
import { prepareStore } from '../models/store/placement.ts'
import { readSlotPointer } from '../models/store/pointer.ts'
import { roles } from '../runtime/access/principal.ts'
import type { RuntimeConfig } from '../runtime/config.ts'
import { DemoError } from './errors.ts'

/** A development site: one folder with everything an appliance would have from its installer, its hospital and its fleet. */
export interface Site {
  readonly root: string
  readonly deviceId: string
  path(name: string): string
}

/** The slots that were filled are named, so that one that vanished later is told from one that is new. */
interface SiteRecord {
  readonly version: number
  readonly deviceId: string
  readonly slots: readonly string[]
}

const SITE_VERSION = 2
const DEVICE_ID = 'development-device'
const DAYS = 3650

const clientFiles = roles.flatMap((role) => [`clients/${role}.key`, `clients/${role}.pem`])

/** Every file that must be there for the site to be whole; data/ is the runtime's own. */
const siteFiles = [
  ...['authority/ca.key', 'authority/ca.pem', 'server/server.key', 'server/server.pem', ...clientFiles],
  ...['device/identity.key', 'device/identity.csr', 'device/identity.pem', 'device/package.key', 'device/package.pub'],
  ...['keys/database.key', 'keys/subjects.key', 'keys/log.key', 'keys/log.pub'],
  ...['signing/vendor.key', 'signing/vendor.pub', 'signing/fleet.key', 'signing/fleet.pub', 'runtime.json'],
]

/** What a site is made with. */
export interface SiteTools {
  readonly provider: CryptoProvider
  readonly randomness: Randomness
  progress(line: string): void
  /** Fills slots of a site; returns the names of all slots it is responsible for. */
  install(site: Site): Promise<readonly string[]>
}

/** Uses the site in `root`, or makes it. @throws DemoError saying what is wrong with the folder and what to do */
export async function openSite(root: string, tools: SiteTools): Promise<Site> {
  const site = siteAt(resolve(root))
  if (isEmptyOrMissing(site.root)) {
    await makeSite(site, tools)
    return site
  }
  const record = checkSite(site)
  const slots = await tools.install(site)
  if (slots.some((slot) => !record.slots.includes(slot))) recordSite(site, [...new Set([...record.slots, ...slots])])
  return site
}

function siteAt(root: string): Site {
  return { root, deviceId: DEVICE_ID, path: (name) => join(root, name) }
}

function isEmptyOrMissing(root: string): boolean {
  try {
    return !existsSync(root) || readdirSync(root).length === 0
  } catch (cause) {
    throw new DemoError('demo_site_unreadable', { cause, about: root })
  }
}

function checkSite(site: Site): SiteRecord {
  try {
    if (!existsSync(site.path('site.json'))) throw new DemoError('demo_site_foreign', { about: site.root })
    const record: SiteRecord = JSON.parse(readFileBounded(site.path('site.json'), 4096).toString('utf8'))
    if (record.version !== SITE_VERSION || !Array.isArray(record.slots))
      throw new DemoError('demo_site_foreign', { about: site.root })
    for (const name of [...siteFiles, 'data']) requireFile(site.path(name))
    const store = modelStore(site.path('store'))
    if (record.slots.length > 0) requireFile(store.image)
    for (const slot of record.slots) requireSlot(store, slot)
    return record
  } catch (cause) {
    if (cause instanceof DemoError) throw cause
    throw new DemoError('demo_site_unreadable', { cause, about: site.root })
  }
}

/** A pointer that cannot be read, or names what it should not, is left to the runtime, which names the fault. */
function requireSlot(store: ModelStore, slot: string): void {
  requireFile(pointerPath(store, slot))
  const active = activeIn(store, slot)
  if (active === undefined) return
  const { package: packageFile, grant } = releasePaths(store, active)
  requireFile(packageFile)
  requireFile(grant)
}

function activeIn(store: ModelStore, slot: string): string | undefined {
  try {
    return readSlotPointer(store, slot).active
  } catch (cause) {
    if (cause instanceof StoreError) return undefined
    throw cause
  }
}

/** A file that is missing is told from one that may not be looked at: only the first makes the site incomplete. */
function requireFile(path: string): void {
  try {
    const size = statSync(path).size
    accessSync(path, constants.R_OK)
    if (size > 0) return
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new DemoError('demo_site_unreadable', { cause, about: path })
  }
  throw new DemoError('demo_site_incomplete', { about: path })
}

function recordSite(site: Site, slots: readonly string[]): void {
  const record: SiteRecord = { version: SITE_VERSION, deviceId: site.deviceId, slots }
  writeFileAtomic(site.path('site.json'), `${JSON.stringify(record)}\n`)
}

/** Made beside its place and renamed into it when whole: a crash, a full disk or Ctrl-C leaves no half-made site. */
async function makeSite(site: Site, tools: SiteTools): Promise<void> {
  const making = `${site.root}.making-${process.pid}`
  removeLeftovers(site.root)
  tools.progress(`Making a development site in ${site.root}`)
  try {
    await writeSite(siteAt(making), tools)
    // Takes the place of nothing or of an empty folder, never of another start's site.
    renameSync(making, site.root)
    syncDirectory(dirname(site.root))
  } catch (cause) {
    rmSync(making, { recursive: true, force: true })
    if (isTaken(cause)) return void checkSite(site)
    throw siteWriteError(cause, site.root)
  }
}

/** Another start was quicker: its site stands there now, and is used. */
export function isTaken(cause: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST'].includes((cause as NodeJS.ErrnoException).code ?? '')
}

/** What an earlier start left when it was killed while it made the site; its process must be gone. */
function removeLeftovers(root: string): void {
  const prefix = `${root.slice(dirname(root).length + 1)}.making-`
  const parent = dirname(root)
  if (!existsSync(parent)) return
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix) || existsSync(`/proc/${name.slice(prefix.length)}`)) continue
    rmSync(join(parent, name), { recursive: true, force: true })
  }
}

export function siteWriteError(cause: unknown, about: string): unknown {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') return new DemoError('demo_disk_full', { cause, about })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR') {
    return new DemoError('demo_site_unwritable', { cause, about })
  }
  return cause
}

async function writeSite(site: Site, { provider, randomness, install }: SiteTools): Promise<void> {
  for (const folder of ['authority', 'device', 'server', 'clients', 'keys', 'signing', 'data']) {
    mkdirSync(site.path(folder), { recursive: true, mode: 0o700 })
  }
  prepareStore(modelStore(site.path('store')))
  await writeCertificates(site, provider)
  await writeSigningKeys(site, provider)
  writeFileAtomic(site.path('keys/database.key'), randomness.bytes(32))
  writeFileAtomic(site.path('keys/subjects.key'), randomness.bytes(32))
  writeFileAtomic(site.path('runtime.json'), `${JSON.stringify(runtimeConfig(site.deviceId), null, 2)}\n`)
  recordSite(site, await install(site))
}

async function writeCertificates(site: Site, provider: CryptoProvider): Promise<void> {
  const nowMs = Date.now()
  const authority = await createAuthority(provider, {
    commonName: 'Wardstone development authority',
    days: DAYS,
    nowMs,
  })
  writeFileAtomic(site.path('authority/ca.key'), authority.privatePem)
  writeFileAtomic(site.path('authority/ca.pem'), authority.certificatePem)
  const issue = async (name: string, extra: Omit<CertificateOptions, 'days' | 'nowMs'>) => {
    const key = await generateIdentityKey(provider)
    const csr = await createCertificateRequest(provider, key.privatePem, {
      commonName: extra.commonName,
      organization: 'Wardstone development site',
    })
    const certificate = await issueCertificate(provider, authority, csr, { days: DAYS, nowMs, ...extra })
    writeFileAtomic(site.path(`${name}.key`), key.privatePem)
    writeFileAtomic(site.path(`${name}.pem`), certificate)
    return csr
  }
  const csr = await issue('device/identity', { profile: 'device', commonName: site.deviceId })
  writeFileAtomic(site.path('device/identity.csr'), csr)
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] }
  await issue('server/server', { profile: 'server', commonName: 'localhost', ...names })
  for (const role of roles) {
    await issue(`clients/${role}`, {
      profile: 'client',
      commonName: `development-${role}`,
      ...{ organizationalUnit: role },
    })
  }
}

async function writeSigningKeys(site: Site, provider: CryptoProvider): Promise<void> {
  for (const name of ['keys/log', 'signing/vendor', 'signing/fleet']) {
    const { privatePem, publicPem } = await generateSigningKey(provider)
    writeFileAtomic(site.path(`${name}.key`), privatePem)
    writeFileAtomic(site.path(`${name}.pub`), publicPem)
  }
  const { privatePem, publicKey } = await generateHpkeKey(provider)
  writeFileAtomic(site.path('device/package.key'), privatePem)
  writeFileAtomic(site.path('device/package.pub'), Buffer.from(publicKey).toString('base64'))
}

function runtimeConfig(deviceId: string): RuntimeConfig {
  return {
    deviceId,
    listen: { host: '127.0.0.1', port: 8443 },
    // A free port: Triton's own may be taken by one.
    oip: { grpc: { host: '127.0.0.1', port: 0 } },
    tls: { key: 'server/server.key', certificate: 'server/server.pem', clientAuthority: 'authority/ca.pem' },
    database: { path: 'data/wardstone.db', key: 'keys/database.key' },
    subjectsKey: 'keys/subjects.key',
    log: {
      origin: `wardstone.local/${deviceId}`,
      key: 'keys/log.key',
      publicKey: 'keys/log.pub',
      checkpoint: 'log.checkpoint',
    },
    trust: { vendor: 'signing/vendor.pub', fleet: 'signing/fleet.pub', packageKey: 'device/package.key' },
    store: 'store',
    updater: { activation: 'run/models.sock', control: 'run/updater.sock' },
    egress: { socket: 'run/egress.sock' },
    inference: { threads: 1, maxQueue: 256, isolation: 'preferred' },
  }
}
