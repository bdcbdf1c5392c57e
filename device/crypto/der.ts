/** One element of DER: its identifier octet, its content, and all its octets. */
export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  readonly encoded: Buffer
}

export const DER_INTEGER = 0x02
export const DER_BIT_STRING = 0x03
export const DER_SEQUENCE = 0x30

/**
 * Splits octets into the DER elements they consist of, or undefined when they are not DER: lengths must be definite and
 * shortest (X.690 10.1), nothing may be left over, and the identifier must be a single octet.
 */
export function derElements(octets: Uint8Array): DerElement[] | undefined {
  const elements: DerElement[] = []
  for (let rest = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength); rest.length > 0; ) {
    const element = firstElement(rest)
    if (element === undefined) return undefined
    elements.push(element)
    rest = rest.subarray(element.encoded.length)
  }
  return elements
}

/** The elements inside the one SEQUENCE that the octets must be, or undefined. */
export function derSequence(octets: Uint8Array): DerElement[] | undefined {
  const outer = derElements(octets)
  if (outer?.length !== 1 || outer[0]?.tag !== DER_SEQUENCE) return undefined
  return derElements(outer[0].content)
}

function firstElement(octets: Buffer): DerElement | undefined {
  const [tag, first] = octets
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || lengthOctets > 4 || octets.length < 2 + lengthOctets) return undefined
  const length = lengthOctets === 0 ? first : octets.readUIntBE(2, lengthOctets)
  if (lengthOctets > 0 && (length < 0x80 || octets[2] === 0)) return undefined
  const start = 2 + lengthOctets
  if (octets.length < start + length) return undefined
  return { tag, content: octets.subarray(start, start + length), encoded: octets.subarray(0, start + length) }
}
