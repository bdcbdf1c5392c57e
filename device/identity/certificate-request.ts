import { DER_BIT_STRING, DER_INTEGER, DER_SEQUENCE, derSequence } from '../crypto/der.ts'
import { isEcdsaSignature } from '../crypto/ecdsa.ts'
import { p256PointFromSpki } from '../crypto/p256.ts'
import { derFromPem, pemFromDer } from '../crypto/pem.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { verifyName } from './certificate-names.ts'
import { IdentityError } from './errors.ts'
import { loadIdentityKeys } from './identity-key.ts'
import { Pkcs10CertificateRequestGenerator } from './x509-library.ts'

const SIGNING = { name: 'ECDSA', hash: 'SHA-256' }
const MAX_REQUEST_BYTES = 8192

/** AlgorithmIdentifier of ecdsa-with-SHA256 without parameters (RFC 5758 section 3.2). */
const ECDSA_WITH_SHA256 = Buffer.from('300a06082a8648ce3d040302', 'hex')

/**
 * A PKCS#10 request (RFC 2986) signed by its own key. The authority takes the key from it and nothing else.
 * @throws CryptoError crypto_key_malformed, IdentityError identity_name_invalid
 */
export async function createCertificateRequest(
  provider: CryptoProvider,
  privatePem: string,
  { commonName, organization }: { commonName: string; organization: string },
): Promise<string> {
  verifyName(commonName, 'commonName')
  verifyName(organization, 'organization')
  const keys = await loadIdentityKeys(provider, privatePem)
  const request = await Pkcs10CertificateRequestGenerator.create(
    { name: [{ O: [organization] }, { CN: [commonName] }], keys, signingAlgorithm: SIGNING },
    provider,
  )
  return pemFromDer(new Uint8Array(request.rawData), 'CERTIFICATE REQUEST')
}

/**
 * The public key (SubjectPublicKeyInfo, P-256) of a request whose self-signature holds: proof of possession, RFC 2986
 * section 3 and RFC 4211 section 4.
 * @throws IdentityError identity_request_invalid
 */
export async function verifyCertificateRequest(provider: CryptoProvider, requestPem: string): Promise<Buffer> {
  const { information, spki, signature } = parseRequest(requestPem)
  if (!(await isEcdsaSignature(provider, { spki }, information, signature))) {
    throw new IdentityError('identity_request_invalid')
  }
  return spki
}

/** CertificationRequest ::= SEQUENCE { CertificationRequestInfo, AlgorithmIdentifier, BIT STRING }; RFC 2986 section 4.2. */
function parseRequest(requestPem: string): { information: Buffer; spki: Buffer; signature: Buffer } {
  const der = derFromPem(requestPem, 'CERTIFICATE REQUEST')
  const outer = der === undefined || der.length > MAX_REQUEST_BYTES ? undefined : derSequence(der)
  const [information, algorithm, signature] = outer ?? []
  const inner = information === undefined ? undefined : derSequence(information.encoded)
  const [version, subject, key] = inner ?? []
  if (outer?.length !== 3 || inner?.length !== 4 || information === undefined || key === undefined) fail()
  if (version?.tag !== DER_INTEGER || !version.content.equals(Buffer.of(0)) || subject?.tag !== DER_SEQUENCE) fail()
  if (algorithm === undefined || !ECDSA_WITH_SHA256.equals(algorithm.encoded)) fail()
  // A signature is whole octets: the first content octet of the bit string, the count of unused bits, is zero.
  if (signature?.tag !== DER_BIT_STRING || signature.content[0] !== 0) fail()
  if (p256PointFromSpki(key.encoded) === undefined) fail()
  return { information: information.encoded, spki: key.encoded, signature: signature.content.subarray(1) }
}

function fail(): never {
  throw new IdentityError('identity_request_invalid')
}
