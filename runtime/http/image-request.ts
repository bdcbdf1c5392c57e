import type { DecisionRequest } from '../decisions/types.ts'
import { HttpError } from './errors.ts'
import { type ImageUpload, partTypes, type UploadHead } from './image-upload.ts'
import type { HttpLimits } from './limits.ts'
import { JSON_TYPE } from './media-type.ts'
import { MultipartReader, type Part } from './multipart.ts'
import { parseImageRequest } from './request-bodies.ts'
import { parseStrictJson } from './strict-json.ts'
import type { UploadBody } from './upload-body.ts'

type PartsHead = Extract<UploadHead, { form: 'parts' }>
export type ImageRequestLimits = Pick<
  HttpLimits,
  'maxBodyBytes' | 'maxUploadFiles' | 'maxPartHeaderBytes' | 'maxPartHeaders'
>

/**
 * The body of a request with an image → what the decision room takes. It returns when the first byte of the image has come;
 * the image itself is read by whoever decides, as fast as that goes.
 * @param nowMs time of an observation that came without `at`
 * @param knownInputs names that an error may show; asked only when there is one
 * @throws HttpError. What is found wrong with the rest of the body later stands in `upload.body.fault`.
 */
export async function receiveImageRequest(
  { head, body }: ImageUpload,
  limits: ImageRequestLimits,
  nowMs: number,
  knownInputs: () => ReadonlySet<string>,
): Promise<DecisionRequest> {
  if (head.form === 'file') {
    const { model, purpose, subject } = head
    return { model, purpose, subject, inputs: {}, image: [await fileOf(body)] }
  }
  const parts = new MultipartReader(() => body.read(), head.boundary, {
    ...limits,
    maxParts: 1 + limits.maxUploadFiles,
  })
  const first = await parts.next()
  const request = parseImageRequest(await readRequestPart(first, head, limits.maxBodyBytes), nowMs, knownInputs)
  const file = await nextFile(parts)
  if (file === undefined) throw new HttpError('request_malformed', { about: 'files' })
  return { ...request, image: filesFrom(file, parts, body) }
}

/** Begins when the first byte is there: until then nobody who decides need wait. */
async function fileOf(body: UploadBody): Promise<AsyncIterable<Uint8Array>> {
  const first = await body.read()
  if (first === undefined) throw new HttpError('request_malformed', { about: 'body' })
  return bytesFrom(first, body)
}

async function* bytesFrom(first: Uint8Array, body: UploadBody): AsyncGenerator<Uint8Array, void, undefined> {
  for (let bytes: Uint8Array | undefined = first; bytes !== undefined; bytes = await body.read()) yield bytes
}

async function* filesFrom(
  first: Part,
  parts: MultipartReader,
  body: UploadBody,
): AsyncGenerator<AsyncIterable<Uint8Array>, void, undefined> {
  try {
    for (let file: Part | undefined = first; file !== undefined; file = await nextFile(parts)) {
      yield noting(file.bytes, body)
    }
  } catch (fault) {
    throw fault instanceof HttpError ? body.fail(fault) : fault
  }
}

/** Whoever reads the image may put a fault of theirs in the place of ours; the body remembers it. */
async function* noting(
  bytes: AsyncIterable<Uint8Array>,
  body: UploadBody,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* bytes
  } catch (fault) {
    throw fault instanceof HttpError ? body.fail(fault) : fault
  }
}

async function nextFile(parts: MultipartReader): Promise<Part | undefined> {
  const part = await parts.next()
  // Two requests in one body, or a file under a name that says it is something else.
  if (part !== undefined && !partTypes.includes(part.type?.value ?? '')) {
    throw new HttpError('request_unsupported_media_type', { about: 'part' })
  }
  return part
}

/** The first part, as JSON of the contract's rules. */
async function readRequestPart(part: Part | undefined, head: PartsHead, maxBytes: number): Promise<unknown> {
  if (part === undefined || !isRequestPart(part, head)) throw new HttpError('request_malformed', { about: 'request' })
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of part.bytes) {
    length += piece.length
    if (length > maxBytes) throw new HttpError('request_too_large', { about: 'request' })
    pieces.push(piece)
  }
  return parseStrictJson(Buffer.concat(pieces))
}

function isRequestPart({ type, disposition, id }: Part, { areNamed, root }: PartsHead): boolean {
  const charset = type?.parameters.get('charset')
  const text = type === undefined ? '' : `${type.value}${charset === undefined ? '' : `; charset=${charset}`}`
  const isJson = JSON_TYPE.test(text) && [...(type?.parameters.keys() ?? [])].every((name) => name === 'charset')
  const isNamed = !areNamed || (disposition?.value === 'form-data' && disposition.parameters.get('name') === 'request')
  return isJson && isNamed && (root === undefined || root === id)
}
