import { purposes } from '../decisions/types.ts'
import { fileTypes } from './image-upload.ts'

type Json = { readonly [name: string]: unknown }

const NAME = '^[a-z][a-z0-9-]{0,63}$'
const file = { type: 'string', contentMediaType: 'application/octet-stream' }
const reference = { $ref: '#/components/schemas/ImageRequest' }

/** Where a body is one file, what belongs to it stands in the address and in a header. */
export const imageParameters: readonly Json[] = [
  {
    name: 'model',
    in: 'query',
    description: 'A slot of GET /v1/models. With a body that is one file, and only there; needed there.',
    schema: { type: 'string', pattern: NAME },
    example: 'chest-qc',
  },
  {
    name: 'purpose',
    in: 'query',
    description: 'Why it is asked; `treatment` when left out. With a body that is one file, and only there.',
    schema: { type: 'string', enum: purposes },
    example: 'demonstration',
  },
  {
    name: 'Wardstone-Subject',
    in: 'header',
    description:
      'The patient as the sender knows them, as in the JSON of other requests, percent-encoded UTF-8. With a body that is one file, and only there. ' +
      'May be left out for DICOM: PatientID says it then. Where both say it, they must agree.',
    schema: { type: 'string', pattern: '^(?:[ -$&-~]|%[0-9A-Fa-f]{2}){1,4096}$' },
    example: 'Nu%C3%B1ez-0001',
  },
]

/** Bodies of a request with an image, by their media types. */
export const imageContents: Json = {
  ...Object.fromEntries(fileTypes.map((type) => [type, { schema: fileSchema(type) }])),
  'multipart/form-data': {
    schema: {
      type: 'object',
      description:
        'The part `request` comes first. Every other part is one file, whatever its name; the files of a series come in any order.',
      required: ['request', 'file'],
      properties: { request: reference, file: { type: 'array', minItems: 1, items: file } },
    },
    encoding: {
      request: { contentType: 'application/json' },
      file: { contentType: [...fileTypes, 'application/octet-stream'].join(', ') },
    },
  },
  'multipart/related': {
    schema: {
      type: 'array',
      description: 'The first part is JSON, each of the others one file; the files of a series come in any order.',
      minItems: 2,
      prefixItems: [reference],
      items: file,
    },
  },
}

function fileSchema(type: (typeof fileTypes)[number]): Json {
  const words =
    type === 'application/dicom' ? 'One DICOM file (PS3.10).' : 'One NIfTI-1 or NIfTI-2 file, plain or gzipped.'
  return { type: 'string', contentMediaType: type, description: words }
}
