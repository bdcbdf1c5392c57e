/** Why an answer did not come, in the terms that a page needs to say it. */
export interface Fault {
  /**
   * `unreachable`: nothing answered. `denied`: this certificate may not. `not-offered`: this box has no such route.
   * `refused`: the box said no. `failed`: the box could not.
   */
  readonly kind: 'unreachable' | 'denied' | 'not-offered' | 'refused' | 'failed'
  readonly code: string
  readonly message: string
  readonly requestId: string | undefined
}

export type Answered<T> =
  | { readonly value: T; readonly fault?: never }
  | { readonly value?: never; readonly fault: Fault }

export interface Asking {
  readonly method?: 'GET' | 'POST'
  /** Sent as JSON. */
  readonly body?: unknown
  readonly signal?: AbortSignal
}

const REQUEST_MS = 15_000
const MAX_JSON_CHARACTERS = 64 * 1024 * 1024

/** Asks the box, with the certificate that the browser holds. Never throws. */
export interface BoxClient {
  json<T>(path: string, asking?: Asking): Promise<Answered<T>>
  bytes(
    path: string,
    signal?: AbortSignal,
  ): Promise<Answered<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly headers: Headers }>>
  /** The time on the clock of the box, as its last answer said it: whether a result still holds is judged by that. */
  nowMs(): number
}

export function createClient(fetchIt: typeof fetch, now: () => number): BoxClient {
  let clockAheadMs = 0
  const ask = async (path: string, { method = 'GET', body, signal }: Asking): Promise<Answered<Response>> => {
    const limit = AbortSignal.timeout(REQUEST_MS)
    try {
      const response = await fetchIt(path, {
        method,
        cache: 'no-store',
        redirect: 'error',
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      const saidMs = Date.parse(response.headers.get('date') ?? '')
      // The header has whole seconds: what is nearer than that is the same time.
      if (Number.isFinite(saidMs)) clockAheadMs = Math.abs(saidMs - now()) < 2000 ? 0 : saidMs - now()
      return response.ok ? { value: response } : { fault: await faultOf(response) }
    } catch {
      return { fault: unreachable }
    }
  }
  return {
    nowMs: () => now() + clockAheadMs,
    async json<T>(path: string, asking: Asking = {}): Promise<Answered<T>> {
      const { value, fault } = await ask(path, asking)
      if (fault !== undefined) return { fault }
      try {
        const text = await value.text()
        if (text.length > MAX_JSON_CHARACTERS) return { fault: unreadable }
        return { value: JSON.parse(text) as T }
      } catch {
        return { fault: unreadable }
      }
    },
    async bytes(path, signal) {
      const { value, fault } = await ask(path, signal === undefined ? {} : { signal })
      if (fault !== undefined) return { fault }
      try {
        return { value: { bytes: new Uint8Array(await value.arrayBuffer()), headers: value.headers } }
      } catch {
        return { fault: unreadable }
      }
    },
  }
}

const unreachable: Fault = {
  kind: 'unreachable',
  code: 'unreachable',
  message: 'The box did not answer.',
  requestId: undefined,
}

const unreadable: Fault = {
  kind: 'failed',
  code: 'unreadable',
  message: 'The answer of the box could not be read.',
  requestId: undefined,
}

/** The error member of an answer, or what its status alone says. */
export async function faultOf(response: Response): Promise<Fault> {
  const text = await response.text().catch(() => '')
  return faultFrom(response.status, text)
}

/** @param text body of the answer */
export function faultFrom(status: number, text: string): Fault {
  const { code, message, requestId } = errorMember(text)
  return {
    kind: kindOf(status, code),
    code: code ?? `status ${status}`,
    message: message ?? `The box answered with status ${status}.`,
    requestId,
  }
}

function errorMember(text: string): { code?: string; message?: string; requestId?: string } {
  try {
    const { error } = JSON.parse(text) as { error?: Record<string, unknown> }
    const words = (name: string) => (typeof error?.[name] === 'string' ? { [name]: error[name] } : {})
    return { ...words('code'), ...words('message'), ...words('requestId') }
  } catch {
    return {}
  }
}

function kindOf(status: number, code: string | undefined): Fault['kind'] {
  if (status === 401 || status === 403) return 'denied'
  if (status === 405 || (status === 404 && (code === undefined || code === 'route_unknown'))) return 'not-offered'
  return status < 500 ? 'refused' : 'failed'
}
