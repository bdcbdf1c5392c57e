import type { IncomingMessage } from 'node:http'
import { type Clock, systemClock } from '../../device/platform/clock.ts'
import { PackageError } from '../../models/package/errors.ts'
import { PACKAGE_FILE } from '../../models/store/layout.ts'
import { parseContentRange, parseUnsatisfiedRange } from './content-range.ts'
import { FetchError } from './errors.ts'
import { bodyParts, exchange, verifyStatus } from './https-exchange.ts'
import { collect, paced } from './paced.ts'
import { defaultFetchLimits, type FetchLimits, type ReleaseSource } from './source.ts'

/** PEM, all of it. */
export interface HttpsIdentity {
  /** The only authority that the certificate of a server may come from; without one no server is asked. */
  readonly authority?: string | undefined
  readonly clientKey?: string | undefined
  readonly clientCertificate?: string | undefined
}

export interface HttpsOptions extends HttpsIdentity {
  readonly limits?: FetchLimits
  readonly clock?: Clock
}

/**
 * A folder on an HTTPS server. No redirect is followed, no coding taken, and nobody trusted but the configured
 * authority. A package is taken up again by range (RFC 9110 section 14.2), held to the same file by its entity tag;
 * where a server ignores the range, what is already there is read over.
 * @throws FetchError fetch_url_invalid | fetch_authority_missing
 */
export function httpsSource(url: string, options: HttpsOptions): ReleaseSource {
  const folder = parseFolderUrl(url)
  const { authority, clientKey, clientCertificate, limits = defaultFetchLimits, clock = systemClock } = options
  if (authority === undefined) throw new FetchError('fetch_authority_missing')
  const identity = { authority, clientKey, clientCertificate }
  const get = (name: string, headers: Record<string, string>, signal: AbortSignal) =>
    exchange(new URL(name, folder), headers, { identity, limits, signal })
  const parts = (response: IncomingMessage, signal: AbortSignal) =>
    paced(bodyParts(response), { limits, clock, signal, release: () => response.destroy() })
  const tag = new EntityTag()

  return {
    kind: 'https',
    readFile: async (name, maxBytes, signal) => {
      const response = await get(name, {}, signal)
      try {
        verifyStatus(response, [200], name)
        const tooLarge = () => new FetchError('fetch_metadata_too_large', { about: name })
        return await collect(parts(response, signal), maxBytes, tooLarge)
      } finally {
        response.destroy()
      }
    },
    openPackage: async function* (offset, lengthBytes, signal) {
      const range = offset === 0 ? {} : { range: `bytes=${offset}-${lengthBytes - 1}`, ...tag.condition() }
      const response = await get(PACKAGE_FILE, range, signal)
      try {
        verifyStatus(response, offset === 0 ? [200] : [200, 206, 416], PACKAGE_FILE)
        tag.verifySame(response)
        yield* window(parts(response, signal), windowOf(response, offset, lengthBytes))
      } finally {
        response.destroy()
      }
    },
  }
}

/** @throws FetchError fetch_url_invalid */
function parseFolderUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.protocol === 'https:' && url.search === '' && url.hash === '' && !/[?#]/.test(text)
  if (url === undefined || !isPlain || url.username !== '' || url.password !== '')
    throw new FetchError('fetch_url_invalid')
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

/** Which of the files that the server had under one name a package is taken from. */
class EntityTag {
  #value: string | undefined

  /** A weak tag says that two files are much the same, which is no use for a range (RFC 9110 section 13.1.5). */
  condition(): { 'if-range'?: string } {
    return this.#value === undefined || this.#value.startsWith('W/') ? {} : { 'if-range': this.#value }
  }

  /** @throws FetchError fetch_source_changed, once for each change */
  verifySame(response: IncomingMessage): void {
    const { etag } = response.headers
    const before = this.#value
    this.#value = etag
    if (before !== undefined && etag !== undefined && before !== etag) throw new FetchError('fetch_source_changed')
  }
}

/** What is taken of a body. */
interface BodyWindow {
  readonly skipBytes: number
  readonly takeBytes: number
  /** What it means when more comes than was said, and less. */
  longer(): Error
  shorter(): Error
}

/**
 * Where in the package the body of an answer lies.
 * @throws PackageError package_truncated | package_oversized: the server has a package of another length
 * @throws FetchError fetch_answer_wrong
 */
function windowOf(response: IncomingMessage, offset: number, lengthBytes: number): BodyWindow {
  const declared = declaredBytes(response)
  if (response.statusCode === 200) {
    verifyTotal(declared, lengthBytes)
    const takeBytes = lengthBytes - offset
    const longer = () => new PackageError('package_oversized')
    return { skipBytes: offset, takeBytes, longer, shorter: () => new PackageError('package_truncated') }
  }
  if (response.statusCode === 416) {
    // The file ends before the place that was asked for; the answer says how long it is.
    verifyTotal(parseUnsatisfiedRange(response.headers['content-range']), lengthBytes)
    throw new FetchError('fetch_answer_wrong', { about: 'Content-Range' })
  }
  const range = parseContentRange(response.headers['content-range'])
  const wrong = () => new FetchError('fetch_answer_wrong', { about: 'Content-Range' })
  if (range === undefined || range.first !== offset || range.last >= lengthBytes) throw wrong()
  verifyTotal(range.totalBytes, lengthBytes)
  const takeBytes = range.last - range.first + 1
  if (declared !== undefined && declared !== takeBytes) throw wrong()
  return { skipBytes: 0, takeBytes, longer: wrong, shorter: () => new FetchError('fetch_interrupted') }
}

function verifyTotal(totalBytes: number | undefined, lengthBytes: number): void {
  if (totalBytes === undefined) return
  if (totalBytes < lengthBytes) throw new PackageError('package_truncated')
  if (totalBytes > lengthBytes) throw new PackageError('package_oversized')
}

function declaredBytes(response: IncomingMessage): number | undefined {
  const { 'content-length': text = '' } = response.headers
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

async function* window(
  parts: AsyncIterable<Uint8Array>,
  { skipBytes, takeBytes, longer, shorter }: BodyWindow,
): AsyncGenerator<Uint8Array, void> {
  let toSkip = skipBytes
  let toTake = takeBytes
  for await (const part of parts) {
    const skipped = Math.min(toSkip, part.length)
    toSkip -= skipped
    const taken = part.subarray(skipped, skipped + toTake)
    toTake -= taken.length
    if (taken.length > 0) yield taken
    if (skipped + taken.length < part.length) throw longer()
  }
  if (toTake > 0) throw shorter()
}
