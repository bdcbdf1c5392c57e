import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

/** What keeps a command from asking the box over HTTPS; `about` names a file, an option or an address, and what the system says. */
export const clientErrors = {
  client_settings_missing: 'It is not said where the box is, or who asks.',
  client_address_invalid: 'The address is none of a box.',
  client_file_unreadable: 'A file cannot be read.',
  client_file_malformed: 'A file is not what it should be.',
  client_file_unwritable: 'The file cannot be written.',
  client_certificate_unusable: 'The client certificate cannot be used.',
  client_unreachable: 'The box does not answer at this address.',
  client_server_untrusted: 'What answers at this address cannot prove that it is the box.',
  client_not_accepted:
    'The box closed the connection without an answer, as it does with a client certificate that it does not accept.',
  client_timeout: 'The box did not answer in time.',
  client_connection_broken: 'The connection to the box ended before its answer was whole.',
  client_answer_malformed: 'The answer is none that this release knows.',
  client_refused: 'The box refused.',
} as const

export type ClientErrorCode = keyof typeof clientErrors

export class ClientError extends WardstoneError<ClientErrorCode> {
  constructor(code: ClientErrorCode, options?: WardstoneErrorOptions) {
    super(code, clientErrors[code], options)
  }
}

/** What the box says of a request that it refuses. */
export interface SaidRefusal {
  readonly code: string
  readonly message: string
  readonly about?: string | undefined
  readonly retryAfterSeconds?: number | undefined
  readonly requestId: string
}

/** The box answered, and the answer is a refusal. */
export class BoxRefusal extends ClientError {
  readonly said: SaidRefusal

  constructor(said: SaidRefusal) {
    super('client_refused', { about: said.code })
    this.said = said
  }
}

/** What to do about it, for the one who typed the command. docs/errors.md says more. */
const advice: Readonly<Partial<Record<ClientErrorCode, string>>> = {
  client_settings_missing:
    'give --url, --certificate, --key and --authority, or put them in a file for --client (docs/cli.md shows one)',
  client_address_invalid: 'give it as https://HOST:PORT, with nothing behind it',
  client_file_unreadable: 'look at the path and at who may read the file',
  client_file_malformed: 'the message says what it should be; --help of the command has an example',
  client_file_unwritable: 'choose another name or folder; nothing is written over',
  client_certificate_unusable:
    'name a certificate of the site’s authority that is in force, and the key that it was made for',
  client_unreachable: 'look at the address and the port, and whether the runtime runs',
  client_server_untrusted:
    'name the authority that has issued the certificate of the box (--authority), and the box by a name in that certificate; look at the clock',
  client_not_accepted:
    'ask the site’s authority for a certificate that it has issued, in force and not withdrawn; look at the log of the box',
  client_timeout: 'try again; look at the network and at "wardstone status"',
  client_connection_broken: 'ask the log whether it was decided before you ask again; look at the network',
  client_answer_malformed:
    'use the release of the command that the box has ("wardstone version"), and look at the address',
}

const adviceOfBox: Readonly<Record<string, string>> = {
  access_denied: 'use the certificate of a role that may do this: docs/api.md lists them',
  route_unknown: 'this box does not offer it: its release may be older than this command',
  model_unknown: '"wardstone status" lists the models of the box',
}

export function adviceFor(error: ClientError): string | undefined {
  return error instanceof BoxRefusal ? adviceOfBox[error.said.code] : advice[error.code]
}
