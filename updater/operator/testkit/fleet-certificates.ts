import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pemFromDer } from '../../../device/crypto/pem.ts'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import {
  type Authority,
  type CertificateProfile,
  createAuthority,
  issueCertificate,
} from '../../../device/identity/certificate-authority.ts'
import { createCertificateRequest } from '../../../device/identity/certificate-request.ts'
import { generateIdentityKey, loadIdentityKeys } from '../../../device/identity/identity-key.ts'
import {
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '../../../device/identity/x509-library.ts'

/** Key and certificate of one party, PEM. */
export interface Party {
  readonly key: string
  readonly cert: string
  readonly ca: string
}

const provider = createCryptoProvider()
const DAY_MS = 86_400_000

/** The authority of a fleet in a test: broker, collectors and devices have their certificates from it. */
export class FleetCertificates {
  readonly #authority: Authority

  private constructor(authority: Authority) {
    this.#authority = authority
  }

  static async create(commonName = 'Test fleet authority'): Promise<FleetCertificates> {
    return new FleetCertificates(
      await createAuthority(provider, { commonName, days: 365, nowMs: Date.now() - 100 * DAY_MS }),
    )
  }

  get authorityPem(): string {
    return this.#authority.certificatePem
  }

  /** For a name that our own authority gives to nobody; another one might. */
  async issueAnyName(commonName: string): Promise<Party> {
    const { privatePem } = await generateIdentityKey(provider)
    const issuer = new X509Certificate(this.#authority.certificatePem)
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: '2a',
        subject: `CN=${commonName.replaceAll(/[^A-Za-z0-9]/g, '\\$&')}`,
        issuer: issuer.subjectName.toJSON(),
        publicKey: (await loadIdentityKeys(provider, privatePem)).publicKey,
        signingKey: (await loadIdentityKeys(provider, this.#authority.privatePem)).privateKey,
        signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
        notBefore: new Date(Date.now() - DAY_MS),
        notAfter: new Date(Date.now() + DAY_MS),
        extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
      },
      provider,
    )
    return {
      key: privatePem,
      cert: pemFromDer(new Uint8Array(certificate.rawData), 'CERTIFICATE'),
      ca: this.authorityPem,
    }
  }

  /** @param odd what a test wants to be wrong with a certificate */
  async issue(
    commonName: string,
    profile: CertificateProfile = 'device',
    odd: { readonly nowMs?: number; readonly hosts?: { dnsNames: string[]; ipAddresses: string[] } } = {},
  ): Promise<Party> {
    const { privatePem } = await generateIdentityKey(provider)
    const request = await createCertificateRequest(provider, privatePem, { commonName, organization: 'Test' })
    const cert = await issueCertificate(provider, this.#authority, request, {
      profile,
      commonName,
      ...(profile === 'server' ? (odd.hosts ?? { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] }) : {}),
      days: 7,
      nowMs: odd.nowMs ?? Date.now(),
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
