import { readFileSync } from 'node:fs'
import { type Answer, ApiClient } from '../demo/client.ts'
import type { Site } from '../demo/site.ts'
import type { CryptoProvider } from '../device/crypto/provider.ts'
import { issueCertificate } from '../device/identity/certificate-authority.ts'
import { createCertificateRequest } from '../device/identity/certificate-request.ts'
import { generateIdentityKey } from '../device/identity/identity-key.ts'
import type { Role } from '../runtime/access/principal.ts'

/** As many devices ask in turn: one alone would meet the budget that each client has, of requests and of bytes. */
const DEVICES = 64
const SOCKETS_PER_DEVICE = 2

/** What a client shows when it connects: its key and certificate, and the authority that it trusts. All PEM. */
export interface ClientIdentity {
  readonly key: string
  readonly certificate: string
  readonly authority: string
}

/** Identities of so many devices of one role, issued by the authority of the site. */
export async function issueClients(site: Site, role: Role, provider: CryptoProvider): Promise<ClientIdentity[]> {
  const text = (name: string) => readFileSync(site.path(name), 'utf8')
  const authority = { privatePem: text('authority/ca.key'), certificatePem: text('authority/ca.pem') }
  const issue = async (_: unknown, index: number) => {
    const commonName = `bench-${role}-${index}`
    const { privatePem } = await generateIdentityKey(provider)
    const request = await createCertificateRequest(provider, privatePem, {
      commonName,
      organization: 'Wardstone bench',
    })
    const named = { profile: 'client', commonName, organizationalUnit: role, days: 2, nowMs: Date.now() } as const
    const certificate = await issueCertificate(provider, authority, request, named)
    return { key: privatePem, certificate, authority: authority.certificatePem }
  }
  return Promise.all(Array.from({ length: DEVICES }, issue))
}

/** Devices that take turns, each over its own kept-alive connections. */
export interface Devices {
  post(index: number, path: string, body: unknown): Promise<Answer>
  get(path: string): Promise<Answer>
  /** Connects them all, so that no handshake is part of what is timed. */
  connect(path: string): Promise<void>
  close(): void
}

export function openDevices(url: string, identities: readonly ClientIdentity[]): Devices {
  const clients = identities.map((identity) => new ApiClient(url, identity, SOCKETS_PER_DEVICE))
  const at = (index: number): ApiClient => {
    const client = clients[index % clients.length]
    if (client === undefined) throw new TypeError('no device')
    return client
  }
  return {
    post: (index, path, body) => at(index).post(path, body),
    get: (path) => at(0).get(path),
    connect: async (path) => {
      for (const client of clients) await client.get(path)
    },
    close: () => {
      for (const client of clients) client.close()
    },
  }
}
