import { Readable } from 'node:stream'
import type { HttpLimits } from './limits.ts'
import type { UploadBody } from './upload-body.ts'

type UnreadLimits = Pick<HttpLimits, 'maxUnreadBytes' | 'unreadTimeoutMs'>

/**
 * Can the connection carry another request when what is still on its way has been passed over? Only where its end is known, and
 * near.
 */
export function isSoonOver(body: UploadBody, { maxUnreadBytes }: UnreadLimits): boolean {
  const { leftBytes } = body
  return !isTooSlow(body) && leftBytes !== undefined && leftBytes <= maxUnreadBytes
}

/** Its sender has been waited for long enough, and most likely reads what is said to it. */
function isTooSlow({ fault }: UploadBody): boolean {
  return fault?.code === 'request_timeout'
}

/**
 * An answer to a request whose sender has not come to its end. The answer goes out at once, whole, since its length is in its
 * head; its stream ends when the rest of the request has been passed over. To close before that would make the operating system
 * reset the connection, and the sender might never see the answer.
 */
export function answerAheadOf(
  body: UploadBody,
  content: string | Uint8Array,
  limits: UnreadLimits,
  close: () => void,
): Readable {
  return Readable.from(sendAhead(body, content, limits, close), { objectMode: false })
}

async function* sendAhead(
  body: UploadBody,
  content: string | Uint8Array,
  { maxUnreadBytes, unreadTimeoutMs }: UnreadLimits,
  close: () => void,
): AsyncGenerator<string | Uint8Array, void, undefined> {
  yield content
  if (isTooSlow(body)) return
  if (!(await body.drain(maxUnreadBytes, unreadTimeoutMs))) close()
}
