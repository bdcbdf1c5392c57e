import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import type { Site } from '../../../demo/site.ts'
import type { Role } from '../../../runtime/access/principal.ts'
import type { DecisionAnswer } from '../../../runtime/decisions/types.ts'

/** An answer to a request with an image: a decision, or an error, or both. */
export type ImageAnswer = Partial<DecisionAnswer> & {
  readonly error?: { readonly code: string; readonly about?: string }
}

const BOUNDARY = 'a-line-between-files'
/** A volume takes its model half a minute, on a machine that does other things longer. */
const TIMEOUT_MS = 600_000
const POLL_MS = 100

/** Sends files as an archive would, and reads files back. */
export class ImageClient {
  readonly #agent: Agent
  readonly #url: string

  constructor(role: Role, site: Site, url: string) {
    const text = (name: string) => readFileSync(site.path(name), 'utf8')
    this.#url = url
    this.#agent = new Agent({
      keepAlive: true,
      minVersion: 'TLSv1.3',
      key: text(`clients/${role}.key`),
      cert: text(`clients/${role}.pem`),
      ca: text('authority/ca.pem'),
    })
  }

  /** One file as the body. @param subject may be left out where the file names the patient */
  async sendFile(model: string, type: 'application/dicom' | 'application/nifti', file: Uint8Array, subject?: string) {
    const header = subject === undefined ? {} : { 'wardstone-subject': encodeURIComponent(subject) }
    const path = `/v1/decisions?model=${model}&purpose=quality`
    return this.#decision(await this.#send('POST', path, { 'content-type': type, ...header }, [file]))
  }

  /** The usual request, and behind it one file or the files of a series. */
  async sendParts(body: Readonly<Record<string, unknown>>, files: readonly Uint8Array[], type = 'application/dicom') {
    const head = (contentType: string) => Buffer.from(`\r\n--${BOUNDARY}\r\nContent-Type: ${contentType}\r\n\r\n`)
    const parts = [head('application/json'), Buffer.from(JSON.stringify(body))]
    for (const file of files) parts.push(head(type), Buffer.from(file))
    parts.push(Buffer.from(`\r\n--${BOUNDARY}--\r\n`))
    const header = { 'content-type': `multipart/related; type="application/json"; boundary=${BOUNDARY}` }
    return this.#decision(await this.#send('POST', '/v1/decisions', header, parts))
  }

  getBytes(path: string): Promise<{ status: number; type: string; bytes: Buffer }> {
    return this.#send('GET', path, {}, [])
  }

  /** @returns what each slot has come to, once none is loading any more */
  async whenLoaded(): Promise<readonly string[]> {
    const limitMs = performance.now() + TIMEOUT_MS
    for (;;) {
      const { bytes } = await this.getBytes('/v1/models')
      const { models } = JSON.parse(bytes.toString('utf8')) as { models: readonly { state: string; fault?: string }[] }
      const states = models.map(({ state, fault }) => fault ?? state)
      if (!states.includes('loading') || performance.now() > limitMs) return states
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #decision({ status, bytes }: { status: number; bytes: Buffer }): ImageAnswer & { readonly status: number } {
    return { status, ...(JSON.parse(bytes.toString('utf8')) as ImageAnswer) }
  }

  #send(method: string, path: string, headers: Readonly<Record<string, string>>, body: readonly Uint8Array[]) {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; type: string; bytes: Buffer }>()
    const length = body.reduce((sum, part) => sum + part.length, 0)
    const sized = length === 0 ? headers : { ...headers, 'content-length': `${length}` }
    const options = { method, agent: this.#agent, headers: sized, timeout: TIMEOUT_MS }
    const outgoing = request(new URL(path, this.#url), options, (incoming) => {
      const parts: Buffer[] = []
      incoming.on('data', (part: Buffer) => parts.push(part))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const { statusCode: status = 0, headers: said } = incoming
        resolve({ status, type: said['content-type'] ?? '', bytes: Buffer.concat(parts) })
      })
    })
    outgoing.on('timeout', () => outgoing.destroy())
    outgoing.on('error', reject)
    for (const part of body) outgoing.write(part)
    outgoing.end()
    return promise
  }
}
