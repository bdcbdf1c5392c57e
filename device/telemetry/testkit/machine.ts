import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Found } from '../found.ts'
import { createSystem, type System } from '../system.ts'
import type { Tool, ToolLimits } from '../tool.ts'

/** A made-up machine: a folder in which /proc and /sys are what the test puts there, read by the real code. */
export class Machine implements System {
  readonly root = mkdtempSync(join(tmpdir(), 'wardstone-machine-'))
  /** Path → mount number. */
  readonly mounts = new Map<string, number>()
  /** Paths that answer with this fault instead of what is there. */
  readonly unreadable = new Map<string, string>()
  readonly #system = createSystem()

  write(path: string, content: string | Uint8Array): this {
    mkdirSync(dirname(this.root + path), { recursive: true })
    writeFileSync(this.root + path, content)
    return this
  }

  folder(path: string): this {
    mkdirSync(this.root + path, { recursive: true })
    return this
  }

  /** A link whose target is a path of the made-up machine. */
  link(target: string, path: string): this {
    mkdirSync(dirname(this.root + path), { recursive: true })
    symlinkSync(this.root + target, this.root + path)
    return this
  }

  /** A program of the made-up machine; returns its path. */
  program(name: string, script: string): string {
    this.write(`/bin/${name}`, `#!/bin/sh\n${script}\n`)
    chmodSync(`${this.root}/bin/${name}`, 0o700)
    return `${this.root}/bin/${name}`
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }

  readText(path: string, maxBytes: number, encoding?: 'utf8' | 'latin1'): Promise<Found<string>> {
    return this.#fault(path) ?? this.#system.readText(this.root + path, maxBytes, encoding)
  }

  list(path: string, maxEntries: number): Promise<Found<readonly string[]>> {
    return this.#fault(path) ?? this.#system.list(this.root + path, maxEntries)
  }

  statfs(path: string): ReturnType<System['statfs']> {
    return this.#fault(path) ?? this.#system.statfs(path)
  }

  async mountId(path: string): Promise<Found<number>> {
    const id = this.mounts.get(path)
    return id === undefined ? { state: 'absent' } : { state: 'found', value: id }
  }

  startTool(file: string, args: readonly string[], limits: ToolLimits): Tool {
    return this.#system.startTool(file, args, limits)
  }

  #fault(path: string): Promise<Found<never>> | undefined {
    const why = this.unreadable.get(path)
    return why === undefined ? undefined : Promise.resolve({ state: 'unreadable', why })
  }
}

/** What /proc of a small machine says. */
export function withProc(machine: Machine, stat = procStat(100, 900)): Machine {
  return machine
    .write('/proc/stat', stat)
    .write('/proc/meminfo', 'MemTotal:        1000 kB\nMemFree:          1 kB\nMemAvailable:    400 kB\n')
    .write('/proc/uptime', '5538.50 6528.38\n')
}

/** /proc/stat of two processors after so many busy and idle ticks. */
export function procStat(busy: number, idle: number): string {
  return `cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\ncpu0 1 0 0 1 0 0 0 0 0 0\ncpu1 1 0 0 1 0 0 0 0 0 0\nintr 1\n`
}
