import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const httpErrors = {
  request_malformed: 'The request does not follow the contract. GET /v1/openapi.json describes it.',
  request_not_json: 'The body is not JSON (RFC 8259) in UTF-8 without a byte order mark.',
  request_name_repeated: 'A name occurs twice in one JSON object, so it is not clear which value is meant.',
  request_number_unrepresentable: 'A number is too large or too small to be represented.',
  request_too_deep: 'The JSON is nested too deeply.',
  request_too_many_values: 'The JSON has too many names in an object or too many items in a list.',
  request_text_too_long: 'A name or a text in the JSON is longer than the limit.',
  request_unsupported_media_type:
    'The body must be application/json in UTF-8, or where an image is taken one of its media types; not compressed.',
  request_too_large: 'The body is larger than the limit.',
  request_headers_too_large: 'The request line and headers are larger than the limit.',
  request_timeout: 'The request did not arrive in time.',
  request_rate_limited:
    'This client has too many requests in work, or asks too often. Try again after the time that is named.',
  request_cross_site: "The request comes from another site's page.",
  page_unknown: 'There is no such page on this box, or its web pages are not installed.',
  route_unknown: 'There is no such route. GET /v1/openapi.json lists the routes.',
  method_not_allowed: 'The route does not take this method.',
  http_version_unsupported: 'Only HTTP/1.1 is spoken here.',
  change_not_confirmed: 'What would run afterwards is not what the request confirms. Nothing was changed.',
  updater_unreachable: 'The updater of this box does not answer, so models cannot be changed now.',
  updater_failed: 'The updater could not begin this, or answered something that cannot be read. Its log says why.',
  upload_disk_full: 'The disk has no room for the release. Nothing was begun.',
  upload_failed: 'The release could not be laid down on this box. Nothing was begun.',
  server_stopping: 'The box is stopping. Try again in a moment.',
  response_malformed: 'The answer did not follow the contract and was not sent.',
  tls_handshake_failed:
    'The TLS handshake failed: no client certificate, or one that is not accepted here. There is no HTTP answer.',
  connection_shed: 'A connection was closed, because there were more than the limits allow. There is no HTTP answer.',
  internal: 'A fault inside the box. The request id finds it in the log.',
} as const

export type HttpErrorCode = keyof typeof httpErrors

export class HttpError extends WardstoneError<HttpErrorCode> {
  constructor(code: HttpErrorCode, options?: WardstoneErrorOptions) {
    super(code, httpErrors[code], options)
  }
}
