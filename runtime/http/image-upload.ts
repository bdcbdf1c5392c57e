import type { IncomingMessage } from 'node:http'
import { Phi } from '../../device/platform/phi.ts'
import { DecisionError } from '../decisions/errors.ts'
import type { Purpose } from '../decisions/types.ts'
import { HttpError } from './errors.ts'
import type { HttpLimits } from './limits.ts'
import { type HeaderValue, readHeaderValue } from './media-type.ts'
import { isBoundary } from './multipart.ts'
import { purposeSchema, slotSchema, subjectSchema } from './request-schemas.ts'
import type { UploadBody } from './upload-body.ts'

/** Names the patient of a body that is one file, percent-encoded: the address would be in the logs of every proxy. */
export const SUBJECT_HEADER = 'wardstone-subject'

/** Media types of a body that is one file, or of a part that is one. */
export const fileTypes = ['application/dicom', 'application/nifti', 'application/x-nifti'] as const
export const partTypes: readonly string[] = [...fileTypes, 'application/octet-stream']
export const partedTypes = ['multipart/related', 'multipart/form-data'] as const

/** What the head of a request with an image says. */
export type UploadHead =
  | {
      readonly form: 'file'
      readonly model: string
      readonly purpose: Purpose
      readonly subject: Phi<string> | undefined
    }
  | {
      readonly form: 'parts'
      readonly boundary: string
      /** The parts have names, of which the first is `request`. */
      readonly areNamed: boolean
      /** Content-ID of the part that is the request, where the head says it. */
      readonly root: string | undefined
    }

export interface ImageUpload {
  readonly head: UploadHead
  readonly body: UploadBody
}

/** The media type of a request, when it is one of an image. */
export function imageTypeOf({ headers }: Pick<IncomingMessage, 'headers'>): HeaderValue | undefined {
  const type = readHeaderValue(headers['content-type'] ?? '')
  const known: readonly string[] = [...fileTypes, ...partedTypes]
  return type !== undefined && known.includes(type.value) ? type : undefined
}

/**
 * Holds the head of a request with an image to the contract, before a byte of its body is asked for.
 * @throws HttpError request_malformed | request_too_large | request_unsupported_media_type; DecisionError subject_missing
 */
export function parseUploadHead(
  request: Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'url'>,
  type: HeaderValue,
  limits: Pick<HttpLimits, 'maxUploadBytes'>,
): UploadHead {
  const { headers, url = '' } = request
  if (headers['content-encoding'] !== undefined) throw new HttpError('request_unsupported_media_type')
  const length = headers['content-length']
  const isChunked = headers['transfer-encoding'] !== undefined
  if (!isChunked && (length === undefined || Number(length) === 0)) throw malformed('body')
  if (Number(length ?? 0) > limits.maxUploadBytes) throw new HttpError('request_too_large')
  const subject = parseSubjectHeader(request)
  const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : undefined
  return (partedTypes as readonly string[]).includes(type.value)
    ? parsePartedHead(type, query, subject)
    : parseFileHead(type, query, subject)
}

function parseFileHead(type: HeaderValue, query: string | undefined, subject: Phi<string> | undefined): UploadHead {
  const isDicom = type.value === 'application/dicom'
  // DICOM web services name the transfer syntax there (PS3.18 §8.7.3.5.2); the file says it itself.
  for (const name of type.parameters.keys()) {
    if (!isDicom || name !== 'transfer-syntax') throw new HttpError('request_unsupported_media_type')
  }
  const { model, purpose = 'treatment' } = parseQuery(query)
  if (model === undefined) throw malformed('model')
  // NIfTI has no place for a patient: waiting for the file would not help.
  if (!isDicom && subject === undefined) throw new DecisionError('subject_missing')
  return { form: 'file', model, purpose, subject }
}

const KNOWN_PARAMETERS = ['boundary', 'type', 'start', 'start-info', 'charset']

function parsePartedHead(type: HeaderValue, query: string | undefined, subject: Phi<string> | undefined): UploadHead {
  const { parameters } = type
  // Said once, in the request part: what is said twice can differ.
  if (query !== undefined) throw malformed('query')
  if (subject !== undefined) throw malformed(SUBJECT_HEADER)
  const isKnown = [...parameters.keys()].every((name) => KNOWN_PARAMETERS.includes(name))
  const root = parameters.get('type') ?? 'application/json'
  const charset = parameters.get('charset') ?? 'utf-8'
  if (!isKnown || root.toLowerCase() !== 'application/json' || charset.toLowerCase() !== 'utf-8') {
    throw new HttpError('request_unsupported_media_type')
  }
  const boundary = parameters.get('boundary')
  if (boundary === undefined || !isBoundary(boundary)) throw malformed('boundary')
  const areNamed = type.value === 'multipart/form-data'
  return { form: 'parts', boundary, areNamed, root: parameters.get('start') }
}

const QUERY = /^[a-z]+=[a-z0-9-]+(?:&[a-z]+=[a-z0-9-]+)*$/

/** Two names whose values need no encoding: nothing else fits into the address. */
function parseQuery(query: string | undefined): { model?: string; purpose?: Purpose } {
  if (query === undefined) return {}
  if (!QUERY.test(query)) throw malformed('query')
  const pairs = query.split('&').map((pair) => pair.split('=') as [string, string])
  const names = pairs.map(([name]) => name)
  if (new Set(names).size !== names.length || names.some((name) => name !== 'model' && name !== 'purpose')) {
    throw malformed('query')
  }
  const { model, purpose } = Object.fromEntries(pairs)
  const slot = slotSchema.optional().safeParse(model)
  const why = purposeSchema.optional().safeParse(purpose)
  if (!slot.success || !why.success) throw malformed(slot.success ? 'purpose' : 'model')
  return {
    ...(slot.data === undefined ? {} : { model: slot.data }),
    ...(why.data === undefined ? {} : { purpose: why.data }),
  }
}

const PERCENT_ENCODED = /^(?:[\x20-\x24\x26-\x7e]|%[0-9A-Fa-f]{2}){1,4096}$/

/** @throws HttpError request_malformed, about the header's name and never its value */
export function parseSubjectHeader({
  headers,
  rawHeaders,
}: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): Phi<string> | undefined {
  const text = headers[SUBJECT_HEADER]
  if (text === undefined) return undefined
  const count = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === SUBJECT_HEADER).length
  if (typeof text !== 'string' || count !== 1 || !PERCENT_ENCODED.test(text)) throw malformed(SUBJECT_HEADER)
  const subject = subjectSchema.safeParse(decode(text))
  if (!subject.success) throw malformed(SUBJECT_HEADER)
  return new Phi(subject.data)
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function malformed(about: string): HttpError {
  return new HttpError('request_malformed', { about })
}
