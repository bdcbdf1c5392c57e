/** Who is asking, as the client certificate says it. */
export const roles = ['bedside', 'clinician', 'engineer', 'officer'] as const
export type Role = (typeof roles)[number]

export interface Principal {
  /** Subject common name of the certificate: a device or a person's account, never a patient. */
  readonly clientId: string
  readonly role: Role
  /** SHA-256 of the certificate, lowercase hex. */
  readonly fingerprint: string
  /** How strongly the client was authenticated; recorded with everything it does. */
  readonly strength: 'mtls'
}
