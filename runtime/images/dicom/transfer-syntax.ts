/** How the pixel data of a transfer syntax are coded. */
export type PixelCoding =
  | 'native'
  | 'deflated-frame'
  | 'rle'
  | 'jpeg'
  | 'jpeg-lossless'
  | 'jpeg-ls'
  | 'jpeg-2000'
  | 'htj2k'
  | 'unsupported'

/** PS3.5 Annex A and PS3.6 Table A-1. */
export interface TransferSyntax {
  readonly name: string
  readonly isExplicit: boolean
  readonly isLittleEndian: boolean
  /** The data set after the meta information is one raw deflate stream (RFC 1951). */
  readonly isDeflated: boolean
  readonly coding: PixelCoding
}

const explicitLittle = { isExplicit: true, isLittleEndian: true, isDeflated: false } as const

export const implicitLittle: TransferSyntax = {
  name: 'Implicit VR Little Endian',
  isExplicit: false,
  isLittleEndian: true,
  isDeflated: false,
  coding: 'native',
}
export const explicitLittleNative: TransferSyntax = {
  name: 'Explicit VR Little Endian',
  ...explicitLittle,
  coding: 'native',
}
export const explicitBigNative: TransferSyntax = {
  name: 'Explicit VR Big Endian',
  ...explicitLittle,
  isLittleEndian: false,
  coding: 'native',
}

const encapsulated = (name: string, coding: PixelCoding): TransferSyntax => ({ name, ...explicitLittle, coding })

export const transferSyntaxes: Readonly<Record<string, TransferSyntax>> = {
  '1.2.840.10008.1.2': implicitLittle,
  '1.2.840.10008.1.2.1': explicitLittleNative,
  '1.2.840.10008.1.2.1.99': { ...explicitLittleNative, name: 'Deflated Explicit VR Little Endian', isDeflated: true },
  '1.2.840.10008.1.2.2': explicitBigNative,
  '1.2.840.10008.1.2.5': encapsulated('RLE Lossless', 'rle'),
  '1.2.840.10008.1.2.8.1': encapsulated('Deflated Image Frame Compression', 'deflated-frame'),
  '1.2.840.10008.1.2.4.50': encapsulated('JPEG Baseline (Process 1)', 'jpeg'),
  '1.2.840.10008.1.2.4.51': encapsulated('JPEG Extended (Processes 2 and 4)', 'jpeg'),
  '1.2.840.10008.1.2.4.57': encapsulated('JPEG Lossless (Process 14)', 'jpeg-lossless'),
  '1.2.840.10008.1.2.4.70': encapsulated('JPEG Lossless (Process 14, selection value 1)', 'jpeg-lossless'),
  '1.2.840.10008.1.2.4.80': encapsulated('JPEG-LS Lossless', 'jpeg-ls'),
  '1.2.840.10008.1.2.4.81': encapsulated('JPEG-LS Near-Lossless', 'jpeg-ls'),
  '1.2.840.10008.1.2.4.90': encapsulated('JPEG 2000 (lossless only)', 'jpeg-2000'),
  '1.2.840.10008.1.2.4.91': encapsulated('JPEG 2000', 'jpeg-2000'),
  '1.2.840.10008.1.2.4.201': encapsulated('HTJ2K (lossless only)', 'htj2k'),
  '1.2.840.10008.1.2.4.202': encapsulated('HTJ2K with RPCL (lossless only)', 'htj2k'),
  '1.2.840.10008.1.2.4.203': encapsulated('HTJ2K', 'htj2k'),
}

/** One that is not in the table is read as all encapsulated ones are (PS3.5 A.4); its pixels are refused. */
export function transferSyntaxOf(uid: string): TransferSyntax {
  const known = Object.hasOwn(transferSyntaxes, uid) ? transferSyntaxes[uid] : undefined
  return known ?? encapsulated('not supported', 'unsupported')
}
