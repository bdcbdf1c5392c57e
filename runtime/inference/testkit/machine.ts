import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ProviderSite } from '../provider-site.ts'

/** A machine in a folder: device nodes and libraries by name, of which nothing can be loaded. */
export class Machine {
  readonly site: ProviderSite
  readonly #libraries = new Map<string, string>()

  constructor(architecture = 'x64') {
    this.site = { root: mkdtempSync(join(tmpdir(), 'wardstone-machine-')), libraries: '/opt/onnxruntime', architecture }
    this.library('/opt/onnxruntime/onnxruntime_binding.node')
  }

  /** An empty shared object that asks for others. */
  library(path: string, ...needed: readonly string[]): this {
    this.file(path, sharedObject(needed))
    const name = path.slice(dirname(path).length + 1)
    if (!path.startsWith('/opt/')) this.#libraries.set(name, path)
    return this.file('/etc/ld.so.cache', loaderCache(this.#libraries))
  }

  file(path: string, content: Uint8Array | string = ''): this {
    const at = join(this.site.root, path)
    mkdirSync(dirname(at), { recursive: true })
    writeFileSync(at, content)
    return this
  }

  without(path: string): this {
    rmSync(join(this.site.root, path), { force: true })
    return this
  }

  remove(): void {
    rmSync(this.site.root, { recursive: true, force: true })
  }
}

/** ELF64: header, a segment that is loaded and the dynamic one, the dynamic entries, the strings. */
export function sharedObject(needed: readonly string[], runPath = '$ORIGIN'): Buffer {
  const texts = ['', ...needed, runPath]
  const strings = Buffer.from(`${texts.join('\0')}\0`, 'latin1')
  const offsets = texts.map((_, index) => Buffer.byteLength(texts.slice(0, index).join('\0')) + (index > 0 ? 1 : 0))
  const tags = [...needed.map((_, index) => [1, offsets[index + 1] ?? 0]), [29, offsets.at(-1) ?? 0]]
  const dynamicAt = 64 + 2 * 56
  const stringsAt = dynamicAt + (tags.length + 3) * 16
  const entries = [...tags, [5, stringsAt], [10, strings.length], [0, 0]].map(([tag = 0, value = 0]) =>
    words(tag, value),
  )
  const total = stringsAt + strings.length
  const header = Buffer.alloc(64)
  header.set(Buffer.from('7f454c46020101', 'hex'))
  header.writeBigUInt64LE(64n, 32)
  header.writeUInt16LE(56, 54)
  header.writeUInt16LE(2, 56)
  const dynamic = Buffer.concat(entries)
  return Buffer.concat([header, segment(1, 0, total), segment(2, dynamicAt, dynamic.length), dynamic, strings])
}

function segment(type: number, offset: number, bytes: number): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32LE(type)
  return Buffer.concat([head, words(offset, offset, offset, bytes, bytes, 1)])
}

/** The cache of glibc's loader: header, entries, texts. */
export function loaderCache(libraries: ReadonlyMap<string, string>): Buffer {
  const head = Buffer.alloc(48)
  head.write('glibc-ld.so.cache1.1', 'latin1')
  head.writeUInt32LE(libraries.size, 20)
  const entries: Buffer[] = []
  const texts: Buffer[] = []
  let at = 48 + 24 * libraries.size
  for (const [name, path] of libraries) {
    const entry = Buffer.alloc(24)
    entry.writeInt32LE(0x303)
    entry.writeUInt32LE(at, 4)
    entry.writeUInt32LE(at + name.length + 1, 8)
    entries.push(entry)
    texts.push(Buffer.from(`${name}\0${path}\0`, 'latin1'))
    at += name.length + path.length + 2
  }
  return Buffer.concat([head, ...entries, ...texts])
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8)
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), index * 8)
  return bytes
}
