import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../device/platform/clock.ts'
import type { Role } from '../../access/principal.ts'
import { createTestSite, type TestSite, type TlsIdentity } from '../../http/testkit/certificates.ts'
import { startTestServer, type TestServer } from '../../http/testkit/test-server.ts'
import type { BoxIo } from '../box-command.ts'

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

type BoxCommand = (args: readonly string[], io: BoxIo) => Promise<number>

/** A box behind its real server, and a folder with what a client needs. */
export class BoxFixture {
  readonly folder = mkdtempSync(join(tmpdir(), 'wardstone-client-'))
  readonly site: TestSite
  server: TestServer

  constructor(site: TestSite, server: TestServer) {
    this.site = site
    this.server = server
    this.write('authority.pem', site.authority.certificatePem)
  }

  static async start(): Promise<BoxFixture> {
    const site = await createTestSite()
    return new BoxFixture(site, await startTestServer(site))
  }

  get url(): string {
    return `https://127.0.0.1:${this.server.port}`
  }

  at(name: string): string {
    return join(this.folder, name)
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.at(name), content)
    return this.at(name)
  }

  writeIdentity(name: string, { key, cert }: TlsIdentity): void {
    this.write(`${name}.key`, key)
    this.write(`${name}.pem`, cert)
  }

  /** A file for --client. */
  async clientFile(role: Role, change: Readonly<Record<string, unknown>> = {}): Promise<string> {
    this.writeIdentity(role, await this.site.client(role, `${role}-1`))
    const said = {
      url: this.url,
      certificate: `${role}.pem`,
      key: `${role}.key`,
      authority: 'authority.pem',
      ...change,
    }
    return this.write(`${role}.json`, JSON.stringify(said))
  }

  async run(
    command: BoxCommand,
    args: readonly string[],
    changes: Partial<BoxIo> & { readonly isTTY?: boolean } = {},
  ): Promise<Said> {
    const said = { out: '', err: '' }
    const { isTTY = false, ...io } = changes
    const code = await command(args, {
      stdout: { write: (text) => (said.out += text) },
      stderr: { write: (text) => (said.err += text), isTTY },
      clock: systemClock,
      settingsFile: undefined,
      pause: () => Promise.resolve(),
      interrupted: new AbortController().signal,
      readInput: () => Promise.resolve(Buffer.from('')),
      ...io,
    })
    return { code, ...said }
  }

  async close(): Promise<void> {
    await this.server.app.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
