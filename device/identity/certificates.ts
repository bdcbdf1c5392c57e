/** The certificates of a site: keys, requests, an authority, and reading what was issued. */
export { type CertificateDescription, describeCertificate } from './certificate.ts'
export {
  type Authority,
  type CertificateOptions,
  type CertificateProfile,
  createAuthority,
  issueCertificate,
} from './certificate-authority.ts'
export { createCertificateRequest, verifyCertificateRequest } from './certificate-request.ts'
export { generateIdentityKey } from './identity-key.ts'
