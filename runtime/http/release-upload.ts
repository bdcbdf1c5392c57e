import type { IncomingMessage } from 'node:http'
import { HttpError } from './errors.ts'
import type { HttpLimits } from './limits.ts'
import { JSON_TYPE, readHeaderValue } from './media-type.ts'
import { isBoundary, MultipartReader, type Part } from './multipart.ts'
import type { ReleaseFolder, ReleasePart } from './release-folders.ts'
import { type Lease, leaseThat } from './request-budget.ts'
import { type InstallRequestBody, installRequestSchema } from './request-schemas.ts'
import { parseStrictJson } from './strict-json.ts'
import type { UploadBody } from './upload-body.ts'

/** A release on its way in: nothing of it has been read. */
export interface ReleaseUpload {
  readonly boundary: string
  readonly body: UploadBody
}

export type ReleaseLimits = Pick<
  HttpLimits,
  'maxBodyBytes' | 'maxReleaseBytes' | 'maxReleaseMetadataBytes' | 'maxPartHeaderBytes' | 'maxPartHeaders'
>

const FORM = 'multipart/form-data'
const FILE_TYPES: readonly string[] = ['application/octet-stream', 'application/json']
const parts: readonly ReleasePart[] = ['package', 'image', 'grant']
/** Boundaries and headers of the parts. */
const FRAME_BYTES = 64 * 1024
/** For what ends when another upload does, which is not known beforehand. */
const RETRY_MS = 5000

/** One release comes in at a time: it is large, and the updater works on one after another. */
export class ReleasePlace {
  #isTaken = false

  /** @throws HttpError request_rate_limited */
  take(): Lease {
    if (this.#isTaken) throw new HttpError('request_rate_limited', { retryAfterMs: RETRY_MS })
    this.#isTaken = true
    return leaseThat(() => {
      this.#isTaken = false
    })
  }
}

export function isReleaseForm({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return readHeaderValue(headers['content-type'] ?? '')?.value === FORM
}

/** What a body that is a release is held to, where other uploads have limits of their own. */
export function releaseBodyLimits(limits: HttpLimits): HttpLimits {
  const { maxReleaseBytes, maxReleaseMetadataBytes, maxBodyBytes, releaseTimeoutMs } = limits
  const maxUploadBytes = maxReleaseBytes + 2 * maxReleaseMetadataBytes + maxBodyBytes + FRAME_BYTES
  return { ...limits, maxUploadBytes, uploadTimeoutMs: releaseTimeoutMs }
}

/** @returns the boundary @throws HttpError request_malformed | request_unsupported_media_type | request_too_large */
export function parseReleaseHead(
  { headers, url }: Pick<IncomingMessage, 'headers' | 'url'>,
  { maxUploadBytes }: Pick<HttpLimits, 'maxUploadBytes'>,
): string {
  if (url?.includes('?') === true) throw new HttpError('request_malformed', { about: 'query' })
  if (headers['content-encoding'] !== undefined) throw new HttpError('request_unsupported_media_type')
  const boundary = readHeaderValue(headers['content-type'] ?? '')?.parameters.get('boundary')
  if (boundary === undefined || !isBoundary(boundary)) throw new HttpError('request_malformed', { about: 'boundary' })
  if (Number(headers['content-length'] ?? 0) > maxUploadBytes) throw new HttpError('request_too_large')
  return boundary
}

/**
 * Reads a release into a folder: first the request as JSON, then each file once, in any order. What the sender calls its files is
 * not looked at.
 * @throws HttpError
 */
export async function receiveRelease(
  { boundary, body }: ReleaseUpload,
  folder: ReleaseFolder,
  limits: ReleaseLimits,
): Promise<InstallRequestBody> {
  const reader = new MultipartReader(() => body.read(), boundary, { ...limits, maxParts: 1 + parts.length })
  const request = await readRequest(await reader.next(), limits.maxBodyBytes)
  const missing = new Set(parts)
  for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
    const name = nameOf(part)
    if (name === undefined || !missing.delete(name)) throw new HttpError('request_malformed', { about: 'files' })
    if (!FILE_TYPES.includes(part.type?.value ?? ''))
      throw new HttpError('request_unsupported_media_type', { about: 'part' })
    const maxBytes = name === 'package' ? limits.maxReleaseBytes : limits.maxReleaseMetadataBytes
    await folder.write(name, atMost(part.bytes, maxBytes, name))
  }
  if (missing.size > 0) throw new HttpError('request_malformed', { about: [...missing].join(', ') })
  return request
}

function nameOf({ disposition }: Part): ReleasePart | undefined {
  if (disposition?.value !== 'form-data') return undefined
  return parts.find((name) => name === disposition.parameters.get('name'))
}

async function readRequest(part: Part | undefined, maxBytes: number): Promise<InstallRequestBody> {
  const isNamed = part?.disposition?.value === 'form-data' && part.disposition.parameters.get('name') === 'request'
  if (part === undefined || !isNamed || !JSON_TYPE.test(part.type?.value ?? ''))
    throw new HttpError('request_malformed', { about: 'request' })
  const pieces: Uint8Array[] = []
  for await (const piece of atMost(part.bytes, maxBytes, 'request')) pieces.push(piece)
  const parsed = installRequestSchema.safeParse(parseStrictJson(Buffer.concat(pieces)))
  if (!parsed.success) throw new HttpError('request_malformed', { about: 'request' })
  return parsed.data
}

async function* atMost(
  bytes: AsyncIterable<Uint8Array>,
  maxBytes: number,
  about: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let length = 0
  for await (const piece of bytes) {
    length += piece.length
    if (length > maxBytes) throw new HttpError('request_too_large', { about })
    yield piece
  }
}
