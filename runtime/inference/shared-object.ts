import { closeSync, openSync, readSync } from 'node:fs'

/**
 * What a shared object asks of the loader, read from its dynamic section without loading it: whoever loads a library
 * runs its initialisers. ELF, 64 bits, little-endian (System V gABI, chapters 4 and 5; elf(5)).
 */
export interface SharedObject {
  /** Names of the libraries that must be there (DT_NEEDED). */
  readonly needed: readonly string[]
  /** Folders it wants them looked for in (DT_RUNPATH, DT_RPATH), as written: `$ORIGIN` is its own. */
  readonly runPaths: readonly string[]
}

const HEADER_BYTES = 64
const SEGMENT_BYTES = 56
const ENTRY_BYTES = 16
const MAX_SEGMENTS = 64
const MAX_DYNAMIC_BYTES = 64 * 1024
const MAX_STRINGS_BYTES = 16 * 1024 * 1024
const [PT_LOAD, PT_DYNAMIC] = [1, 2]
const [DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_RPATH, DT_RUNPATH] = [1, 5, 10, 15, 29]

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly fileBytes: number
}

/** @returns undefined when the file cannot be read or is no shared object of this kind; bounded whatever it holds. */
export function readSharedObject(path: string): SharedObject | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    return readDynamic(file)
  } catch (error) {
    // A folder, a disk that fails, an offset that is no position in any file: the system's errors and Node's have a code.
    if ((error as NodeJS.ErrnoException).code !== undefined) return undefined
    throw error
  } finally {
    closeSync(file)
  }
}

function readDynamic(file: number): SharedObject | undefined {
  const segments = readSegments(file)
  const dynamic = segments?.find(({ type }) => type === PT_DYNAMIC)
  if (segments === undefined || dynamic === undefined || dynamic.fileBytes > MAX_DYNAMIC_BYTES) return undefined
  const table = readAt(file, dynamic.offset, dynamic.fileBytes)
  if (table === undefined) return undefined
  const entries = readEntries(table)
  const entryOf = (tag: number) => entries.find((entry) => entry.tag === tag)?.value
  const [address, bytes] = [entryOf(DT_STRTAB), entryOf(DT_STRSZ)]
  if (address === undefined || bytes === undefined || bytes > MAX_STRINGS_BYTES) return undefined
  const home = segments.find((one) => one.type === PT_LOAD && isInside(address, one))
  if (home === undefined) return undefined
  const strings = readAt(file, home.offset + address - home.address, bytes)
  if (strings === undefined) return undefined
  const textsOf = (...tags: readonly number[]) =>
    entries.filter(({ tag }) => tags.includes(tag)).map(({ value }) => textAt(strings, value))
  const runPaths = textsOf(DT_RUNPATH, DT_RPATH).flatMap((paths) => paths.split(':'))
  return { needed: textsOf(DT_NEEDED), runPaths: runPaths.filter((path) => path !== '') }
}

function readSegments(file: number): Segment[] | undefined {
  const header = readAt(file, 0, HEADER_BYTES)
  // Magic number, ELFCLASS64, ELFDATA2LSB.
  if (header?.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) return undefined
  const [count, bytes] = [header.readUInt16LE(56), header.readUInt16LE(54)]
  if (count > MAX_SEGMENTS || bytes !== SEGMENT_BYTES) return undefined
  const table = readAt(file, number(header, 32), count * SEGMENT_BYTES)
  if (table === undefined) return undefined
  return Array.from({ length: count }, (_, index) => {
    const at = index * SEGMENT_BYTES
    const [offset, address, fileBytes] = [number(table, at + 8), number(table, at + 16), number(table, at + 32)]
    return { type: table.readUInt32LE(at), offset, address, fileBytes }
  })
}

function readEntries(table: Buffer): { readonly tag: number; readonly value: number }[] {
  const entries = Array.from({ length: Math.floor(table.length / ENTRY_BYTES) }, (_, index) => {
    const at = index * ENTRY_BYTES
    return { tag: number(table, at), value: number(table, at + 8) }
  })
  const end = entries.findIndex(({ tag }) => tag === 0)
  return end < 0 ? entries : entries.slice(0, end)
}

function isInside(address: number, { address: from, fileBytes }: Segment): boolean {
  return address >= from && address < from + fileBytes
}

/** Addresses beyond 2^53 belong to no file: they become inexact, and lie outside. */
function number(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at))
}

function textAt(strings: Buffer, at: number): string {
  const end = strings.indexOf(0, at)
  return strings.toString('latin1', at, end < 0 ? strings.length : end)
}

/** @returns undefined when the file has not so many bytes there */
function readAt(file: number, position: number, count: number): Buffer | undefined {
  const bytes = Buffer.alloc(count)
  return readSync(file, bytes, 0, count, position) === count ? bytes : undefined
}
