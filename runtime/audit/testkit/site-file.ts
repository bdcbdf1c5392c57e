import { readFileSync, writeFileSync } from 'node:fs'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import { loadSigner, loadVerifier } from '../../../device/crypto/signing.ts'
import type { LogSite } from './ledger-fixture.ts'

/** A test's site as a file, so that a child process opens the same log. */
interface SiteFile {
  readonly directory: string
  readonly path: string
  readonly key: string
  readonly subjectKey: string
  readonly privatePem: string
  readonly publicPem: string
  readonly origin: string
}

export function writeSiteFile(site: LogSite, file: string): void {
  const { directory, path, privatePem, publicPem, origin } = site
  const [key, subjectKey] = [Buffer.from(site.key).toString('hex'), Buffer.from(site.subjectKey).toString('hex')]
  writeFileSync(
    file,
    JSON.stringify({ directory, path, privatePem, publicPem, origin, key, subjectKey } satisfies SiteFile),
  )
}

export async function readSiteFile(file: string): Promise<LogSite> {
  const site = JSON.parse(readFileSync(file, 'utf8')) as SiteFile
  const provider = createCryptoProvider()
  return {
    ...site,
    key: Buffer.from(site.key, 'hex'),
    subjectKey: Buffer.from(site.subjectKey, 'hex'),
    signer: await loadSigner(provider, site.privatePem),
    verifier: await loadVerifier(provider, site.publicPem),
  }
}
