/** A drawn picture of one byte for each pixel, and what its file says of it. */
export interface DrawnFile {
  readonly rows: number
  readonly columns: number
  readonly pixels: Uint8Array
  readonly modality: string
  readonly bodyPart?: string
  readonly viewPosition?: string
  readonly photometric: 'MONOCHROME1' | 'MONOCHROME2'
}

const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1'
const PREAMBLE_BYTES = 128

/** A DICOM file of explicit little endian (PS3.10 7.1), with what a reader needs and nothing about anybody. */
export function dicomFile(drawn: DrawnFile): Buffer {
  const meta = element(0x0002, 0x0010, 'UI', text(EXPLICIT_LITTLE_ENDIAN, '\0'))
  return Buffer.concat([
    Buffer.alloc(PREAMBLE_BYTES),
    Buffer.from('DICM'),
    element(0x0002, 0x0000, 'UL', whole(meta.length, 4)),
    meta,
    element(0x0008, 0x0060, 'CS', text(drawn.modality)),
    ...(drawn.bodyPart === undefined ? [] : [element(0x0018, 0x0015, 'CS', text(drawn.bodyPart))]),
    ...(drawn.viewPosition === undefined ? [] : [element(0x0018, 0x5101, 'CS', text(drawn.viewPosition))]),
    element(0x0028, 0x0002, 'US', whole(1)),
    element(0x0028, 0x0004, 'CS', text(drawn.photometric)),
    element(0x0028, 0x0010, 'US', whole(drawn.rows)),
    element(0x0028, 0x0011, 'US', whole(drawn.columns)),
    element(0x0028, 0x0100, 'US', whole(8)),
    element(0x0028, 0x0101, 'US', whole(8)),
    element(0x0028, 0x0102, 'US', whole(7)),
    element(0x0028, 0x0103, 'US', whole(0)),
    element(0x7fe0, 0x0010, 'OB', even(Buffer.from(drawn.pixels), '\0')),
  ])
}

/** PS3.5 7.1.2: OB has two reserved bytes and a length of four. */
function element(group: number, number: number, representation: string, value: Buffer): Buffer {
  const tag = Buffer.concat([whole(group), whole(number), Buffer.from(representation)])
  const isLong = representation === 'OB'
  return Buffer.concat([tag, isLong ? Buffer.alloc(2) : Buffer.alloc(0), whole(value.length, isLong ? 4 : 2), value])
}

function whole(value: number, bytes: 2 | 4 = 2): Buffer {
  const out = Buffer.alloc(bytes)
  out.writeUIntLE(value, 0, bytes)
  return out
}

const text = (value: string, padding = ' '): Buffer => even(Buffer.from(value, 'latin1'), padding)
const even = (value: Buffer, padding: string): Buffer =>
  value.length % 2 === 0 ? value : Buffer.concat([value, Buffer.from(padding)])
