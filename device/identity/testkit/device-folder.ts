import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCryptoProvider } from '../../crypto/provider.ts'
import { systemRandomness } from '../../crypto/randomness.ts'
import { silentLog } from '../../platform/log.ts'
import { FakeClock } from '../../testkit/fake-clock.ts'
import { type Authority, type CertificateOptions, createAuthority, issueCertificate } from '../certificate-authority.ts'
import { createCertificateRequest } from '../certificate-request.ts'
import type { IdentityDisk } from '../identity-folder.ts'
import { generateIdentityKey } from '../identity-key.ts'
import { isPair } from '../issued-certificate.ts'
import { type IdentityCheck, renewIdentity } from '../renewal.ts'

export const DAY_MS = 86_400_000
export const START_MS = Date.UTC(2026, 0, 1)
export const LIFETIME_DAYS = 90
export const provider = createCryptoProvider()

/** The folder of a device's identity, and the authority that issues for it. */
export class DeviceFolder {
  readonly path: string
  readonly authority: Authority
  readonly clock: FakeClock

  constructor(path: string, authority: Authority, nowMs: number) {
    this.path = path
    this.authority = authority
    this.clock = new FakeClock(nowMs)
  }

  static async enrol(options: Partial<CertificateOptions> = {}): Promise<DeviceFolder> {
    const authority = await createAuthority(provider, { commonName: 'Fleet', days: 3650, nowMs: START_MS })
    const folder = new DeviceFolder(mkdtempSync(join(tmpdir(), 'wardstone-identity-')), authority, START_MS)
    const { privatePem } = await generateIdentityKey(provider)
    const names = { commonName: 'box-1', organization: 'Test' }
    const request = await createCertificateRequest(provider, privatePem, names)
    folder.write('authority.pem', authority.certificatePem)
    folder.write('identity.key', privatePem)
    folder.write('identity.pem', await folder.issue(request, options))
    return folder
  }

  /** The same files in another place. */
  copy(): DeviceFolder {
    const path = mkdtempSync(join(tmpdir(), 'wardstone-identity-'))
    cpSync(this.path, path, { recursive: true, verbatimSymlinks: true })
    return new DeviceFolder(path, this.authority, this.clock.nowMs())
  }

  issue(request: string, options: Partial<CertificateOptions> = {}, authority = this.authority): Promise<string> {
    const usual = { profile: 'device', commonName: 'box-1', days: LIFETIME_DAYS, nowMs: this.clock.nowMs() } as const
    return issueCertificate(provider, authority, request, { ...usual, ...options })
  }

  /** What the fleet does with the request that waits. */
  async answer(options: Partial<CertificateOptions> = {}, authority = this.authority): Promise<void> {
    const request = this.read('identity.d/next/request.pem')
    this.write('identity.d/next/certificate.pem', await this.issue(request, options, authority))
  }

  renew(disk?: IdentityDisk): Promise<IdentityCheck> {
    return renewIdentity({
      provider,
      randomness: systemRandomness,
      clock: this.clock,
      log: silentLog,
      key: join(this.path, 'identity.key'),
      certificate: join(this.path, 'identity.pem'),
      authorityPem: this.authority.certificatePem,
      ...(disk === undefined ? {} : { disk }),
    })
  }

  /** As any program would read it, that knows two paths and nothing else. */
  hasPair(): boolean {
    return isPair(this.read('identity.pem'), this.read('identity.key'))
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8')
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text, { mode: 0o600 })
  }

  has(name: string): boolean {
    return existsSync(join(this.path, name))
  }

  /** Whether any file of the folder still holds this text. */
  holds(text: string): boolean {
    return readdirSync(this.path, { recursive: true }).some((name) => {
      const path = join(this.path, String(name))
      return existsSync(path) && statSync(path).isFile() && readFileSync(path, 'utf8') === text
    })
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
