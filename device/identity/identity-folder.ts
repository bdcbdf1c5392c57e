import { lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import type { Randomness } from '../crypto/randomness.ts'
import { readFileBounded, syncDirectory, writeFileAtomic } from '../platform/atomic-file.ts'

/** What the identity's files are moved with; passed in, so that a test can pull the plug before each step. */
export interface IdentityDisk {
  /** A regular file of at most 64 KiB as text; undefined when there is none. */
  readText(path: string): string | undefined
  list(folder: string): readonly string[]
  /** Where a link leads, as written; undefined when it is none. */
  linkTarget(path: string): string | undefined
  makeFolder(path: string): void
  writeFile(path: string, text: string): void
  rename(from: string, to: string): void
  link(target: string, path: string): void
  remove(path: string): void
  sync(folder: string): void
}

const MAX_FILE_BYTES = 64 * 1024

export const systemDisk: IdentityDisk = {
  readText: (path) => {
    const facts = statSync(path, { throwIfNoEntry: false })
    return facts?.isFile() === true ? readFileBounded(path, MAX_FILE_BYTES).toString('utf8') : undefined
  },
  list: (folder) => (statSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder)),
  linkTarget: (path) =>
    lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(path) : undefined,
  makeFolder: (path) => void mkdirSync(path, { recursive: true, mode: 0o700 }),
  writeFile: (path, text) => writeFileAtomic(path, text),
  rename: renameSync,
  link: (target, path) => symlinkSync(target, path),
  remove: (path) => rmSync(path, { recursive: true, force: true }),
  sync: syncDirectory,
}

export interface IdentityPair {
  readonly keyPem: string
  readonly certificatePem: string
}

/** A key that was made here, the request that was made with it, and the certificate once it has arrived. */
export interface NextIdentity {
  readonly keyPem: string
  readonly requestPem: string
  readonly issuedPem: string | undefined
}

/**
 * The identity on disk. The programs read two files (`identity.key`, `identity.pem`), and two files cannot be replaced in
 * one step. So both become links through one link, `identity.d/current`, and the switch is the one rename of that link:
 *
 *     identity.key → identity.d/current/key.pem        identity.d/current → g-…
 *     identity.pem → identity.d/current/certificate.pem
 *     identity.d/next/key.pem, request.pem             what is asked for; the answer is put beside them as certificate.pem
 *
 * Every folder is made under another name and renamed when it is whole. At each instruction the two files hold a pair.
 */
export class IdentityFolder {
  readonly #disk: IdentityDisk
  readonly #randomness: Randomness
  readonly #key: string
  readonly #certificate: string
  readonly #store: string
  readonly requestPath: string

  constructor(paths: { key: string; certificate: string }, randomness: Randomness, disk: IdentityDisk = systemDisk) {
    this.#disk = disk
    this.#randomness = randomness
    this.#key = paths.key
    this.#certificate = paths.certificate
    const { certificate } = paths
    this.#store = join(dirname(certificate), `${basename(certificate, extname(certificate))}.d`)
    this.requestPath = join(this.#store, 'next', 'request.pem')
  }

  /** What the programs read now; undefined when a file is missing. */
  readPair(): IdentityPair | undefined {
    const keyPem = this.#disk.readText(this.#key)
    const certificatePem = this.#disk.readText(this.#certificate)
    return keyPem === undefined || certificatePem === undefined ? undefined : { keyPem, certificatePem }
  }

  readNext(): NextIdentity | undefined {
    const read = (name: string) => this.#disk.readText(join(this.#store, 'next', name))
    const [keyPem, requestPem] = [read('key.pem'), read('request.pem')]
    if (keyPem === undefined || requestPem === undefined) return undefined
    return { keyPem, requestPem, issuedPem: read('certificate.pem') }
  }

  writeNext(keyPem: string, requestPem: string): void {
    this.#disk.makeFolder(this.#store)
    this.#disk.sync(dirname(this.#store))
    this.removeNext()
    this.#writeFolder('next', { 'key.pem': keyPem, 'request.pem': requestPem })
  }

  /** In one step: a folder that lacks some of its files is no longer called `next`. */
  removeNext(): void {
    const next = join(this.#store, 'next')
    const leaving = `${next}.leaving`
    this.#disk.remove(leaving)
    if (!this.#disk.list(this.#store).includes('next')) return
    this.#disk.rename(next, leaving)
    this.#disk.sync(this.#store)
    this.#disk.remove(leaving)
  }

  /** Puts the new pair in the place of the old one. When it returns, the switch is durable and the old key is gone. */
  switchTo(next: IdentityPair, old: IdentityPair): void {
    if (!this.#isLinked()) this.#adopt(old)
    const folder = this.#newName()
    this.#writeFolder(folder, { 'key.pem': next.keyPem, 'certificate.pem': next.certificatePem })
    this.#pointCurrentTo(folder)
    this.removeNext()
    this.tidy()
  }

  /** Removes what an interrupted switch has left: old keys, half-made folders. Never what the links lead to. */
  tidy(): void {
    const kept = ['next', 'current', this.#disk.linkTarget(join(this.#store, 'current')), ...this.#linkedDirectly()]
    const left = this.#disk.list(this.#store).filter((name) => !kept.includes(name))
    for (const name of left) this.#disk.remove(join(this.#store, name))
  }

  /** A person may have made the links anew, past `current`: what they lead to is the only key there is. */
  #linkedDirectly(): string[] {
    return [this.#key, this.#certificate].flatMap((path) => {
      const target = this.#disk.linkTarget(path)
      return target === undefined
        ? []
        : relative(this.#store, resolve(dirname(path), target))
            .split(sep)
            .slice(0, 1)
    })
  }

  /** The first time, or after a person has put files in the place of the links: the same pair, reached through the links. */
  #adopt(pair: IdentityPair): void {
    const folder = this.#newName()
    this.#writeFolder(folder, { 'key.pem': pair.keyPem, 'certificate.pem': pair.certificatePem })
    this.#pointCurrentTo(folder)
    this.#linkOver(this.#key, this.#targetOf(this.#key, 'key.pem'))
    this.#linkOver(this.#certificate, this.#targetOf(this.#certificate, 'certificate.pem'))
  }

  #isLinked(): boolean {
    return (
      this.#disk.linkTarget(this.#key) === this.#targetOf(this.#key, 'key.pem') &&
      this.#disk.linkTarget(this.#certificate) === this.#targetOf(this.#certificate, 'certificate.pem')
    )
  }

  /** Relative where it can be, so that the folder can be moved as a whole. */
  #targetOf(path: string, name: string): string {
    const isBeside = dirname(path) === dirname(this.#store)
    return join(isBeside ? basename(this.#store) : this.#store, 'current', name)
  }

  #pointCurrentTo(folder: string): void {
    this.#linkOver(join(this.#store, 'current'), folder)
  }

  #linkOver(path: string, target: string): void {
    const making = `${path}.making`
    this.#disk.remove(making)
    this.#disk.link(target, making)
    this.#disk.rename(making, path)
    this.#disk.sync(dirname(path))
  }

  #writeFolder(name: string, files: Readonly<Record<string, string>>): void {
    const making = join(this.#store, `${name}.making`)
    this.#disk.remove(making)
    this.#disk.makeFolder(making)
    for (const [file, text] of Object.entries(files)) this.#disk.writeFile(join(making, file), text)
    this.#disk.sync(making)
    this.#disk.rename(making, join(this.#store, name))
    this.#disk.sync(this.#store)
  }

  #newName(): string {
    return `g-${this.#randomness.bytes(8).toString('hex')}`
  }
}
