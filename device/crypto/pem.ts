/** Labels of RFC 7468 that we read and write. */
export type PemLabel = 'PRIVATE KEY' | 'PUBLIC KEY' | 'CERTIFICATE' | 'CERTIFICATE REQUEST'

const MAX_PEM_CHARS = 64 * 1024
const LINE_CHARS = 64

/**
 * The DER bytes of a text that is exactly one PEM block with this label (RFC 7468 strict grammar, line ends LF or CRLF), or
 * undefined. Explanatory text, headers, a second block, and base64 with stray bits are refused: a key file that carries
 * more than its key was not written by us.
 */
export function derFromPem(pem: string, label: PemLabel): Buffer | undefined {
  if (pem.length > MAX_PEM_CHARS) return undefined
  const lines = pem.replace(/\r?\n$/, '').split(/\r?\n/)
  if (lines.shift() !== `-----BEGIN ${label}-----` || lines.pop() !== `-----END ${label}-----`) return undefined
  const last = lines.pop()
  if (last === undefined || last.length === 0 || last.length > LINE_CHARS) return undefined
  if (lines.some((line) => line.length !== LINE_CHARS)) return undefined
  const text = lines.join('') + last
  const der = Buffer.from(text, 'base64')
  return der.toString('base64') === text ? der : undefined
}

export function pemFromDer(der: Uint8Array, label: PemLabel): string {
  const text = Buffer.from(der).toString('base64')
  const lines = text.match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
