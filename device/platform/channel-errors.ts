import { WardstoneError, type WardstoneErrorOptions } from './errors.ts'

export const channelErrors = {
  channel_path_unsafe:
    'The folder of the socket belongs to another user, or is open to more than it may be (mode 0700; 0750 for a group).',
  channel_in_use: 'Another process answers on this socket.',
  channel_listen_failed: 'The socket cannot be made there.',
  channel_unreachable: 'Nobody answers on the socket.',
  channel_timeout: 'The other process did not answer in time.',
  channel_broken: 'The connection ended, or what came was no message of this channel.',
  channel_refused: 'The other process refused the request.',
  channel_busy: 'Too many requests wait for an answer on this channel.',
  channel_closed: 'The channel was closed on this side.',
  channel_message_too_large: 'A message is larger than the channel carries.',
  channel_method_unknown: 'The channel has no such method.',
  channel_request_invalid: 'The request does not follow the schema of its method.',
} as const

/** `about` of channel_refused is the code that the other process gave. */
export class ChannelError extends WardstoneError<keyof typeof channelErrors> {
  constructor(code: keyof typeof channelErrors, options?: WardstoneErrorOptions) {
    super(code, channelErrors[code], options)
  }
}
