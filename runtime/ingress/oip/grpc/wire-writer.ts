/** Writes a message in the protocol buffer wire format, field by field. Values that are the default of their type are left out, as proto3 has it. */
export class WireWriter {
  readonly #parts: Uint8Array[] = []

  finish(): Uint8Array {
    return Buffer.concat(this.#parts)
  }

  text(field: number, value: string): this {
    return value === '' ? this : this.bytes(field, Buffer.from(value, 'utf8'))
  }

  /** Also empty: an element of a list counts. */
  bytes(field: number, value: Uint8Array): this {
    this.#parts.push(varint(BigInt(field * 8 + 2)), varint(BigInt(value.length)), value)
    return this
  }

  flag(field: number, value: boolean): this {
    return this.number(field, value ? 1n : 0n)
  }

  /** An int64 or uint64. */
  number(field: number, value: bigint | number): this {
    return BigInt(value) === 0n ? this : this.member(field, value)
  }

  /** The same, written also when it is zero: a member of a oneof says which it is. */
  member(field: number, value: bigint | number): this {
    this.#parts.push(varint(BigInt(field * 8)), varint(BigInt.asUintN(64, BigInt(value))))
    return this
  }

  double(field: number, value: number): this {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(value)
    this.#parts.push(varint(BigInt(field * 8 + 1)), bytes)
    return this
  }

  /** Packed. */
  numbers(field: number, values: readonly number[]): this {
    const packed = values.map((value) => varint(BigInt.asUintN(64, BigInt(value))))
    return values.length === 0 ? this : this.bytes(field, Buffer.concat(packed))
  }

  message(field: number, message: WireWriter): this {
    return this.bytes(field, message.finish())
  }

  /** map<string, …>: an entry is a message of a key and a value. */
  entries<Value>(
    field: number,
    map: Iterable<readonly [string, Value]>,
    write: (entry: WireWriter, value: Value) => void,
  ) {
    for (const [name, value] of map) {
      const entry = new WireWriter().text(1, name)
      write(entry, value)
      this.message(field, entry)
    }
    return this
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
