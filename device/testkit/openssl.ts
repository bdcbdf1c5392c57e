import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface OpensslRun {
  readonly status: number | null
  readonly output: string
}

/** The system's `openssl` in a folder of its own: a second opinion on what we sign. */
export class OpensslFolder {
  readonly path: string

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.path = mkdtempSync(join(tmpdir(), 'wardstone-openssl-'))
    for (const [name, content] of Object.entries(files)) this.write(name, content)
  }

  write(name: string, content: string): void {
    writeFileSync(join(this.path, name), content)
  }

  run(...words: string[]): OpensslRun {
    const ended = spawnSync('openssl', words, { cwd: this.path, encoding: 'utf8', timeout: 20_000 })
    return { status: ended.status, output: ended.error?.message ?? `${ended.stdout}${ended.stderr}` }
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
