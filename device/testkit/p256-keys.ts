/** PKCS#8 (RFC 5958, RFC 5915) of a P-256 scalar without its public half: vectors give scalars, we read PKCS#8. */
export function pkcs8FromScalar(scalar: Uint8Array): Buffer {
  const head = Buffer.from('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420', 'hex')
  const unsigned = Buffer.from(scalar).toString('hex').padStart(64, '0').slice(-64)
  return Buffer.concat([head, Buffer.from(unsigned, 'hex')])
}
