import { createReadStream, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import type { Body } from './box-client.ts'
import { systemCode } from './box-settings.ts'
import { ClientError } from './client-errors.ts'

/** What the box takes (docs/api.md, Limits); found out here before gigabytes are sent. */
const MAX_FILES = 2048

/**
 * The files of an image, and the request that goes before them, as multipart/form-data (RFC 7578). A folder stands for its files.
 * @param random makes the boundary; with 18 bytes of it no file holds it by chance
 * @param sent told how many bytes have been read so far
 * @throws ClientError client_file_unreadable | client_file_malformed
 */
export function imageBody(
  request: object,
  paths: readonly string[],
  random: Uint8Array,
  sent: (bytes: number) => void,
): Body {
  const files = paths.flatMap(filesAt)
  if (files.length > MAX_FILES)
    throw new ClientError('client_file_malformed', {
      about: `${files.length} files; an image has at most ${MAX_FILES}`,
    })
  const boundary = `wardstone-${Buffer.from(random).toString('hex')}`
  const first = part(boundary, 'name="request"', 'application/json') + JSON.stringify(request)
  const heads = files.map(
    (_, index) => `\r\n${part(boundary, `name="file"; filename="${index}"`, 'application/octet-stream')}`,
  )
  const end = `\r\n--${boundary}--\r\n`
  const bytes = Buffer.byteLength(first + heads.join('') + end) + files.reduce((total, file) => total + file.bytes, 0)
  const content = Readable.from(pieces(first, heads, files, end, sent), { objectMode: false })
  return { type: `multipart/form-data; boundary=${boundary}`, bytes, content }
}

interface ImageFile {
  readonly path: string
  readonly bytes: number
}

function filesAt(path: string): ImageFile[] {
  try {
    const found = statSync(path)
    if (found.isFile()) return [{ path, bytes: found.size }]
    if (!found.isDirectory())
      throw new ClientError('client_file_unreadable', { about: `${path}: not a file or a folder` })
    const files = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile())
    if (files.length === 0) throw new ClientError('client_file_unreadable', { about: `${path}: no files in it` })
    return files.map(({ name }) => ({ path: join(path, name), bytes: statSync(join(path, name)).size }))
  } catch (cause) {
    throw cause instanceof ClientError ? cause : unreadable(path, cause)
  }
}

/** The names of the files stay here: they often hold names of patients. */
function part(boundary: string, disposition: string, type: string): string {
  return `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: ${type}\r\n\r\n`
}

async function* pieces(
  first: string,
  heads: readonly string[],
  files: readonly ImageFile[],
  end: string,
  sent: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let total = 0
  yield Buffer.from(first)
  for (const [index, { path, bytes }] of files.entries()) {
    yield Buffer.from(heads[index] ?? '')
    let read = 0
    try {
      for await (const piece of createReadStream(path, { end: Math.max(0, bytes - 1) }) as AsyncIterable<Buffer>) {
        read += piece.length
        total += piece.length
        yield piece
        sent(total)
      }
    } catch (cause) {
      throw unreadable(path, cause)
    }
    if (read !== bytes)
      throw new ClientError('client_file_unreadable', { about: `${basename(path)}: it changed while it was sent` })
  }
  yield Buffer.from(end)
}

function unreadable(path: string, cause: unknown): ClientError {
  return new ClientError('client_file_unreadable', { cause, about: `${path}: ${systemCode(cause) ?? 'internal'}` })
}
