import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

/**
 * Troubles of the way, not verdicts on a package: what they stop may be tried again, and what has arrived stays.
 * A package that is not the signed one is refused with the codes of models/package.
 */
export const fetchErrors = {
  fetch_url_invalid:
    'The address is not that of a folder over https, without a name, a password, a query or a fragment.',
  fetch_authority_missing: 'No authority is configured that the certificate of the server could be checked against.',
  fetch_tls_failed:
    'No TLS connection to the server: one side does not accept the certificate or the version of the other.',
  fetch_unreachable: 'The server could not be reached.',
  fetch_redirected: 'The server points elsewhere; that is not followed.',
  fetch_forbidden: 'The server does not give this release to this device.',
  fetch_server_failed: 'The server could not answer.',
  fetch_answer_wrong: 'The answer of the server does not fit what was asked.',
  fetch_source_changed: 'The package at the source was replaced while it was fetched.',
  fetch_interrupted: 'The connection ended before the package was whole.',
  fetch_stalled: 'The source delivers too slowly, or nothing.',
  fetch_timeout: 'The fetch took longer than it may.',
  fetch_cancelled: 'The fetch was stopped.',
  fetch_source_unreadable: 'The source is not a folder with regular files that may be read.',
  fetch_read_failed: 'The disk or the medium of the source failed.',
  fetch_file_missing: 'The source lacks a file of the release.',
  fetch_metadata_too_large: 'The metadata at the source are larger than any that are valid.',
  fetch_package_too_large: 'The package is larger than this device takes.',
  fetch_name_invalid: 'A release on a medium has a name of letters, digits, dots and hyphens.',
  fetch_release_missing: 'There is no such release on the medium, in the folder wardstone.',
  fetch_several_releases: 'There are several releases on the medium: name one.',
  fetch_tree_too_large: 'The folder wardstone on the medium has more entries than are looked through.',
  fetch_disk_full: 'The disk of the model store has no room for the package.',
  fetch_store_failed: 'The package could not be written to the model store.',
} as const

export type FetchErrorCode = keyof typeof fetchErrors

export class FetchError extends WardstoneError<FetchErrorCode> {
  constructor(code: FetchErrorCode, options?: WardstoneErrorOptions) {
    super(code, fetchErrors[code], options)
  }
}
