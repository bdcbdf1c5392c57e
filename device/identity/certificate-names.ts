import { isIP } from 'node:net'
import { IdentityError } from './errors.ts'

/** RFC 5280 appendix A: ub-common-name, ub-organizational-unit-name and ub-organization-name are 64 characters. */
const MAX_NAME_CHARS = 64
const MAX_SUBJECT_ALTERNATIVES = 32

/** Letters and digits of any script with a few joiners inside; no comma, plus, quote, equals, backslash or control character. */
const NAME = /^[\p{L}\p{N}](?:[\p{L}\p{N}\p{M} ._:@/-]*[\p{L}\p{N}\p{M}])?$/u

/** RFC 1123 section 2.1: dot-separated labels; no wildcard. */
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i

/** @throws IdentityError identity_name_invalid; `about` says which field. */
export function verifyName(value: string, field: string): void {
  if (value.length > MAX_NAME_CHARS || !NAME.test(value))
    throw new IdentityError('identity_name_invalid', { about: field })
}

export type AlternativeName = { readonly type: 'dns' | 'ip'; readonly value: string }

/** @throws IdentityError identity_name_invalid when a host name or address is not one, or there are too many. */
export function alternativeNames(dnsNames: readonly string[], ipAddresses: readonly string[]): AlternativeName[] {
  if (dnsNames.length + ipAddresses.length > MAX_SUBJECT_ALTERNATIVES) fail('dnsNames')
  if (!dnsNames.every((name) => DNS_NAME.test(name) && isIP(name) === 0)) fail('dnsNames')
  if (!ipAddresses.every((address) => isIP(address) !== 0 && !address.includes('%'))) fail('ipAddresses')
  return [
    ...dnsNames.map((value) => ({ type: 'dns', value }) as const),
    ...ipAddresses.map((value) => ({ type: 'ip', value }) as const),
  ]
}

function fail(field: string): never {
  throw new IdentityError('identity_name_invalid', { about: field })
}
