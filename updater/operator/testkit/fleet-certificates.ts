import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import {
  type Authority,
  type CertificateProfile,
  createAuthority,
  issueCertificate,
} from '../../../device/identity/certificate-authority.ts'
import { createCertificateRequest } from '../../../device/identity/certificate-request.ts'
import { generateIdentityKey } from '../../../device/identity/identity-key.ts'

/** Key and certificate of one party, PEM. */
export interface Party {
  readonly key: string
  readonly cert: string
  readonly ca: string
}

const provider = createCryptoProvider()

/** The authority of a fleet in a test: broker, collectors and devices have their certificates from it. */
export class FleetCertificates {
  readonly #authority: Authority

  private constructor(authority: Authority) {
    this.#authority = authority
  }

  static async create(commonName = 'Test fleet authority'): Promise<FleetCertificates> {
    return new FleetCertificates(await createAuthority(provider, { commonName, days: 7, nowMs: Date.now() }))
  }

  get authorityPem(): string {
    return this.#authority.certificatePem
  }

  async issue(commonName: string, profile: CertificateProfile = 'device'): Promise<Party> {
    const { privatePem } = await generateIdentityKey(provider)
    const request = await createCertificateRequest(provider, privatePem, { commonName, organization: 'Test' })
    const cert = await issueCertificate(provider, this.#authority, request, {
      profile,
      commonName,
      ...(profile === 'server' ? { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] } : {}),
      days: 7,
      nowMs: Date.now(),
    })
    return { key: privatePem, cert, ca: this.authorityPem }
  }
}

/** Writes a party's files as a configuration names them. */
export function writeParty(folder: string, name: string, party: Party): void {
  writeFileSync(join(folder, 'authority.pem'), party.ca, { mode: 0o600 })
  writeFileSync(join(folder, `${name}.pem`), party.cert, { mode: 0o600 })
  writeFileSync(join(folder, `${name}.key`), party.key, { mode: 0o600 })
}
