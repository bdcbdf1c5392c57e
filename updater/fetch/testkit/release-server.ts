import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import { createCryptoProvider } from '../../../device/crypto/provider.ts'
import {
  type Authority,
  type CertificateOptions,
  createAuthority,
  issueCertificate,
} from '../../../device/identity/certificate-authority.ts'
import { createCertificateRequest } from '../../../device/identity/certificate-request.ts'
import { generateIdentityKey } from '../../../device/identity/identity-key.ts'

const provider = createCryptoProvider()

export function makeAuthority(nowMs = Date.now()): Promise<Authority> {
  return createAuthority(provider, { commonName: 'Release authority', days: 2, nowMs })
}

/** Key and certificate as node:tls takes them. */
export async function makeCertificate(
  authority: Authority,
  changes: Partial<CertificateOptions> = {},
): Promise<{ key: string; cert: string }> {
  const { privatePem } = await generateIdentityKey(provider)
  const csr = await createCertificateRequest(provider, privatePem, { commonName: 'any', organization: 'any' })
  const options: CertificateOptions = {
    profile: 'server',
    commonName: 'release server',
    ipAddresses: ['127.0.0.1'],
    days: 1,
    nowMs: Date.now(),
    ...changes,
  }
  return { key: privatePem, cert: await issueCertificate(provider, authority, csr, options) }
}

/** Answers one request; `serve` is what an honest server would do. */
export type Answer = (request: IncomingMessage, response: ServerResponse, serve: () => void) => void

/** A real HTTPS server of one folder. What it does wrong is set by each test. */
export interface ReleaseServer {
  readonly url: string
  readonly files: Map<string, Uint8Array>
  /** The Range of each request for a package, empty where there was none. */
  readonly ranges: string[]
  etag: string | undefined
  answer: Answer
  close(): Promise<void>
}

export async function startReleaseServer(tls: ServerOptions): Promise<ReleaseServer> {
  const sockets = new Set<Duplex>()
  const files = new Map<string, Uint8Array>()
  const ranges: string[] = []
  const listener = createServer(tls, (request, response) => {
    const name = request.url?.slice('/release/'.length) ?? ''
    if (name.endsWith('.wspkg')) ranges.push(request.headers.range ?? '')
    response.on('error', () => undefined)
    server.answer(request, response, () => serveFile(request, response, files.get(name), server.etag))
  })
  listener.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
  })
  listener.on('tlsClientError', () => undefined)
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const server: ReleaseServer = {
    url: `https://127.0.0.1:${port}/release`,
    files,
    ranges,
    etag: undefined,
    answer: (_request, _response, serve) => serve(),
    close: async () => {
      const closed = once(listener, 'close')
      listener.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
  return server
}

/** GET with one range and If-Range, as RFC 9110 has them. */
function serveFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: Uint8Array | undefined,
  etag: string | undefined,
): void {
  if (file === undefined) {
    response.writeHead(404).end()
    return
  }
  if (etag !== undefined) response.setHeader('etag', etag)
  const { range, 'if-range': condition } = request.headers
  const [, first] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  if (first === undefined || (condition !== undefined && condition !== etag)) {
    response.writeHead(200, { 'content-length': file.length }).end(file)
    return
  }
  if (Number(first) >= file.length) {
    response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end()
    return
  }
  const body = file.subarray(Number(first))
  const contentRange = `bytes ${first}-${file.length - 1}/${file.length}`
  response.writeHead(206, { 'content-range': contentRange, 'content-length': body.length }).end(body)
}
