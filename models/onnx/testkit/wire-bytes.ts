/** Protocol buffer fields by hand, for files that no exporter writes. */
export function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))]
}

export function bytesField(field: number, content: readonly number[] | Uint8Array): number[] {
  return [...varint(field * 8 + 2), ...varint(content.length)].concat(Array.from(content))
}

export function textField(field: number, text: string): number[] {
  return bytesField(field, Buffer.from(text))
}

export function numberField(field: number, value: number): number[] {
  return [...varint(field * 8), ...varint(value)]
}

export function modelWith(fields: readonly number[]): Uint8Array {
  return Uint8Array.from(fields)
}

export function graphWith(fields: readonly number[]): Uint8Array {
  return modelWith(bytesField(7, fields))
}
