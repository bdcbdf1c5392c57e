import { HttpError } from './errors.ts'
import { type HeaderValue, readHeaderValue } from './media-type.ts'

/** One part of a body in parts. */
export interface Part {
  readonly type: HeaderValue | undefined
  readonly disposition: HeaderValue | undefined
  /** Content-ID, as in `<a@b>`. */
  readonly id: string | undefined
  /** Its bytes as they come. What is left of them when the next part is asked for is passed over. */
  readonly bytes: AsyncIterable<Uint8Array>
}

export interface PartLimits {
  readonly maxParts: number
  readonly maxPartHeaderBytes: number
  readonly maxPartHeaders: number
}

const CRLF = Buffer.from('\r\n')
const END_OF_HEADERS = Buffer.from('\r\n\r\n')
const CLOSE = Buffer.from('--')
const NOTHING = Buffer.alloc(0)
/** RFC 2046 §5.1.1: 1 to 70 characters, the last of them no space. */
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/

export function isBoundary(text: string): boolean {
  return BOUNDARY.test(text)
}

/**
 * Reads a body in parts (RFC 2046 §5.1) as it comes, from a source that is asked for bytes only when some are wanted; it
 * holds one piece of the source at a time. Stricter than the grammar where two readers could see different parts: no text
 * before the first part or after the last, nothing between a boundary and the end of its line, no folded headers.
 */
export class MultipartReader {
  readonly #source: () => Promise<Uint8Array | undefined>
  readonly #delimiter: Buffer
  readonly #limits: PartLimits
  #held: Buffer = NOTHING
  #state: 'before' | 'in part' | 'between' | 'after' = 'before'
  #parts = 0

  /** @param boundary one for which `isBoundary` holds */
  constructor(source: () => Promise<Uint8Array | undefined>, boundary: string, limits: PartLimits) {
    this.#source = source
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#limits = limits
  }

  /**
   * The next part, or undefined after the last.
   * @throws HttpError request_malformed | request_too_large | request_headers_too_large, and what the source throws
   */
  async next(): Promise<Part | undefined> {
    if (this.#state === 'after') return undefined
    if (this.#state === 'before') await this.#start()
    else while ((await this.#piece()) !== undefined);
    await this.#fill(CRLF.length)
    const mark = this.#cut(CRLF.length)
    if (mark.equals(CLOSE)) return this.#finish()
    if (!mark.equals(CRLF)) throw malformed('boundary')
    if (this.#parts === this.#limits.maxParts) throw new HttpError('request_too_large', { about: 'parts' })
    this.#parts += 1
    const headers = parseHeaders(await this.#headers(), this.#limits.maxPartHeaders)
    this.#state = 'in part'
    return { ...headers, bytes: this.#bytesOf(this.#parts) }
  }

  /** The first boundary has no line before it; some senders put an empty one there. */
  async #start(): Promise<void> {
    await this.#fill(CRLF.length)
    if (this.#held.subarray(0, CRLF.length).equals(CRLF)) this.#cut(CRLF.length)
    const first = this.#delimiter.subarray(CRLF.length)
    await this.#fill(first.length)
    if (!this.#cut(first.length).equals(first)) throw malformed('boundary')
  }

  async #finish(): Promise<undefined> {
    this.#state = 'after'
    // At most one empty line; more than that nobody would read.
    while (this.#held.length <= CRLF.length && (await this.#more()));
    if (this.#held.length > 0 && !this.#held.equals(CRLF)) throw malformed('epilogue')
    return undefined
  }

  async *#bytesOf(part: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      // Bytes of a part that has been passed over are gone; the next part's must not stand in for them.
      if (part !== this.#parts) throw new HttpError('internal')
      const piece = await this.#piece()
      if (piece === undefined) return
      yield piece
    }
  }

  /** Bytes of the part that is open; undefined once its delimiter is reached and taken away. */
  async #piece(): Promise<Buffer | undefined> {
    while (this.#state === 'in part') {
      const end = this.#held.indexOf(this.#delimiter)
      if (end !== -1) {
        this.#state = 'between'
        const piece = this.#cut(end)
        this.#cut(this.#delimiter.length)
        return piece.length === 0 ? undefined : piece
      }
      const sure = this.#held.length - beginningAtEnd(this.#held, this.#delimiter)
      if (sure > 0) return this.#cut(sure)
      if (!(await this.#more())) throw malformed('end of parts')
    }
    return undefined
  }

  async #headers(): Promise<string> {
    // Without headers the empty line follows at once.
    await this.#fill(CRLF.length)
    if (this.#held.subarray(0, CRLF.length).equals(CRLF)) {
      this.#cut(CRLF.length)
      return ''
    }
    const most = this.#limits.maxPartHeaderBytes
    for (;;) {
      const end = this.#held.subarray(0, most + END_OF_HEADERS.length).indexOf(END_OF_HEADERS)
      if (end !== -1) {
        const text = this.#cut(end).toString('latin1')
        this.#cut(END_OF_HEADERS.length)
        return text
      }
      if (this.#held.length >= most + END_OF_HEADERS.length) {
        throw new HttpError('request_headers_too_large', { about: 'part' })
      }
      if (!(await this.#more())) throw malformed('end of parts')
    }
  }

  async #fill(length: number): Promise<void> {
    while (this.#held.length < length) if (!(await this.#more())) throw malformed('end of parts')
  }

  #cut(length: number): Buffer {
    const cut = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return cut
  }

  async #more(): Promise<boolean> {
    const bytes = await this.#source()
    if (bytes === undefined) return false
    this.#held =
      this.#held.length === 0
        ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        : Buffer.concat([this.#held, bytes])
    return true
  }
}

/** How many bytes at the end of `bytes` could be the beginning of `delimiter`. */
function beginningAtEnd(bytes: Buffer, delimiter: Buffer): number {
  let at = Math.max(0, bytes.length - delimiter.length + 1)
  for (;;) {
    at = bytes.indexOf(delimiter[0] ?? 0, at)
    if (at === -1) return 0
    const end = bytes.subarray(at)
    if (end.equals(delimiter.subarray(0, end.length))) return end.length
    at += 1
  }
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
const HEADER_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/
/** What says that the bytes are not as they stand: none of it is undone here. */
const PLAIN_ENCODINGS = ['7bit', '8bit', 'binary']

function parseHeaders(text: string, maxHeaders: number): Omit<Part, 'bytes'> {
  const lines = text === '' ? [] : text.split('\r\n')
  if (lines.length > maxHeaders) throw new HttpError('request_headers_too_large', { about: 'part' })
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(0, colon)).toLowerCase()
    if (!HEADER_NAME.test(name) || !HEADER_TEXT.test(line) || headers.has(name)) throw malformed('part headers')
    headers.set(name, line.slice(colon + 1).trim())
  }
  const encoding = headers.get('content-transfer-encoding')?.toLowerCase() ?? 'binary'
  if (headers.has('content-encoding') || !PLAIN_ENCODINGS.includes(encoding)) {
    throw new HttpError('request_unsupported_media_type', { about: 'part' })
  }
  return {
    type: valueIn(headers.get('content-type')),
    disposition: valueIn(headers.get('content-disposition')),
    id: headers.get('content-id'),
  }
}

function valueIn(text: string | undefined): HeaderValue | undefined {
  if (text === undefined) return undefined
  const value = readHeaderValue(text)
  if (value === undefined) throw malformed('part headers')
  return value
}

function malformed(about: string): HttpError {
  return new HttpError('request_malformed', { about })
}
