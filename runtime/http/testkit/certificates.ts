import { createPrivateKey, createPublicKey, type webcrypto } from 'node:crypto'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import { type Authority, createAuthority, issueCertificate } from '../../../device/identity/certificate-authority.ts'
import { createCertificateRequest } from '../../../device/identity/certificate-request.ts'
import { generateIdentityKey } from '../../../device/identity/identity-key.ts'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '../../../device/identity/x509-library.ts'

const DAY_MS = 86_400_000
const SIGNING = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const provider = createCryptoProvider()

export interface TlsIdentity {
  readonly key: string
  readonly cert: string
}

/** A certificate that the house itself would never issue. */
export interface HostileOptions {
  /** Relative distinguished names in order, as `[['OU', 'bedside'], ['CN', 'monitor-1']]`. */
  readonly subject: readonly (readonly [type: string, value: string])[]
  readonly purposes?: readonly string[]
  readonly fromMs?: number
  readonly untilMs?: number
  readonly selfSigned?: boolean
}

/** An authority with a server certificate for 127.0.0.1, and whatever clients a test needs. */
export class TestSite {
  readonly authority: Authority
  readonly server: TlsIdentity

  constructor(authority: Authority, server: TlsIdentity) {
    this.authority = authority
    this.server = server
  }

  client(organizationalUnit: string, commonName: string): Promise<TlsIdentity> {
    return issue(this.authority, { profile: 'client', commonName, organizationalUnit })
  }

  device(commonName: string): Promise<TlsIdentity> {
    return issue(this.authority, { profile: 'device', commonName })
  }

  async hostile(options: HostileOptions): Promise<TlsIdentity> {
    const { privatePem } = await generateIdentityKey(provider)
    const own = await webKeys(privatePem)
    const issuer = new X509Certificate(this.authority.certificatePem)
    const subject = options.subject.map(([type, value]) => ({ [type]: [value] }))
    const signingKey =
      options.selfSigned === true ? own.privateKey : (await webKeys(this.authority.privatePem)).privateKey
    const certificate = await X509CertificateGenerator.create({
      serialNumber: Buffer.from(crypto.getRandomValues(new Uint8Array(8)))
        .fill(1, 0, 1)
        .toString('hex'),
      subject,
      issuer: options.selfSigned === true ? subject : issuer.subjectName,
      publicKey: own.publicKey,
      signingKey,
      signingAlgorithm: SIGNING,
      notBefore: new Date(options.fromMs ?? Date.now() - DAY_MS),
      notAfter: new Date(options.untilMs ?? Date.now() + DAY_MS),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        ...(options.purposes?.length === 0
          ? []
          : [new ExtendedKeyUsageExtension([...(options.purposes ?? [CLIENT_AUTH])], true)]),
      ],
    })
    return { key: privatePem, cert: certificate.toString('pem') }
  }
}

export async function createTestSite(): Promise<TestSite> {
  const authority = await createAuthority(provider, { commonName: 'Test authority', days: 30, nowMs: Date.now() })
  const server = await issue(authority, { profile: 'server', commonName: 'box', ipAddresses: ['127.0.0.1'] })
  return new TestSite(authority, server)
}

async function issue(
  authority: Authority,
  options: Omit<Parameters<typeof issueCertificate>[3], 'days' | 'nowMs'>,
): Promise<TlsIdentity> {
  const { privatePem } = await generateIdentityKey(provider)
  const names = { commonName: options.commonName, organization: 'Test' }
  const request = await createCertificateRequest(provider, privatePem, names)
  const cert = await issueCertificate(provider, authority, request, { ...options, days: 7, nowMs: Date.now() })
  return { key: privatePem, cert }
}

async function webKeys(privatePem: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(privatePem)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return {
    privateKey: await crypto.subtle.importKey('pkcs8', new Uint8Array(pkcs8), algorithm, true, ['sign']),
    publicKey: await crypto.subtle.importKey('spki', new Uint8Array(spki), algorithm, true, ['verify']),
  }
}
