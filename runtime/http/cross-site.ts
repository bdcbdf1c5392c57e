import type { IncomingHttpHeaders } from 'node:http'
import { HttpError } from './errors.ts'

/** Sites whose pages may ask: this one, and nobody (an address that was typed, a client that is no browser). */
const OWN_SITES: readonly string[] = ['same-origin', 'none']

/**
 * A browser shows its client certificate to whatever page makes it ask, and a form of files needs no preflight: what another site's
 * page sends is refused (Fetch Metadata §2.3, RFC 6454 §7). Following a link to the page itself does nothing, and is let through.
 * @throws HttpError request_cross_site
 */
export function verifySameSite(headers: IncomingHttpHeaders, isPage: boolean): void {
  const { 'sec-fetch-site': site, 'sec-fetch-mode': mode, origin, host } = headers
  const isLink = isPage && mode === 'navigate'
  if (site !== undefined && !OWN_SITES.includes(String(site)) && !isLink) throw new HttpError('request_cross_site')
  if (origin !== undefined && !isOwnOrigin(origin, host)) throw new HttpError('request_cross_site')
}

/** `null` is the origin of a sandboxed frame or a file: not ours. */
function isOwnOrigin(origin: string, host: string | undefined): boolean {
  const ours = URL.parse(`https://${host}`)
  // Serialised as browsers write it, so that a name in capitals or the default port does not matter.
  return ours !== null && ours.username === '' && ours.pathname === '/' && URL.parse(origin)?.origin === ours.origin
}
