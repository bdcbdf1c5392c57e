import { existsSync, mkdirSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import type { CryptoProvider } from '../crypto/provider.ts'
import { readFileBounded, writeFileAtomic } from '../platform/atomic-file.ts'
import { createCertificateRequest } from './certificate-request.ts'
import { IdentityError } from './errors.ts'
import { generateIdentityKey, loadIdentityKeys } from './identity-key.ts'

const ORGANIZATION = 'Wardstone device'
const MAX_KEY_BYTES = 16 * 1024

export interface EnrolmentRequest {
  /** Where the request lies: beside the key, as `.csr`. */
  readonly path: string
  /** False when the key was there already; it is never replaced. */
  readonly isNewKey: boolean
}

/**
 * The first step of enrolment: a P-256 key that is born here and never leaves, mode 0600, and beside it a request for its
 * certificate (PKCS #10, RFC 2986). Asked again, it keeps the key.
 * @param key path of the key file; its folder is made when it is missing
 * @throws IdentityError identity_name_invalid | identity_unusable: what lies there is not a key of ours
 */
export async function requestIdentity(
  provider: CryptoProvider,
  key: string,
  commonName: string,
): Promise<EnrolmentRequest> {
  const isNewKey = !existsSync(key)
  const privatePem = isNewKey ? (await generateIdentityKey(provider)).privatePem : await keptKey(provider, key)
  const request = await createCertificateRequest(provider, privatePem, { commonName, organization: ORGANIZATION })
  const path = join(dirname(key), `${basename(key, extname(key))}.csr`)
  mkdirSync(dirname(key), { recursive: true, mode: 0o700 })
  if (isNewKey) writeFileAtomic(key, privatePem)
  writeFileAtomic(path, request)
  return { path, isNewKey }
}

async function keptKey(provider: CryptoProvider, path: string): Promise<string> {
  try {
    const pem = readFileBounded(path, MAX_KEY_BYTES).toString('utf8')
    await loadIdentityKeys(provider, pem)
    return pem
  } catch (cause) {
    throw new IdentityError('identity_unusable', { cause, about: path })
  }
}
