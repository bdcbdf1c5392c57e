import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { Found } from './found.ts'

export interface ToolLimits {
  readonly timeoutMs: number
  readonly maxBytes: number
}

/** A program of the system that is asked again and again, always with the same arguments. */
export interface Tool {
  /**
   * Runs it once: its standard output, if it ended with 0; absent when there is no such program. It is killed when it is
   * late and cut off when it says too much. Resolves only once it is gone; ask one thing at a time.
   */
  ask(): Promise<Found<string>>
  /** Nothing is asked any more; what runs has ended after its limit. */
  close(): void
}

/**
 * To start a process, the kernel copies the page tables of the one that asks, while that one stands still: a tenth of a
 * second for a large one. So a small shell is started once, before there is work, and it starts the tool each time.
 * When we are killed its input ends, and so does it. `timeout` ends the tool with all that it has started, and kills it a
 * second later. One that even this does not end keeps its output open: `head` waits for that, and so nobody starts another.
 */
const SCRIPT = `
command -v timeout >/dev/null && command -v head >/dev/null || exit 1
limit=$1; bytes=$2; shift 2
while read -r _; do
  { timeout -k 1 "$limit" "$@" </dev/null 2>/dev/null; printf '\\nstatus %s\\n' "$?"; } | head -c "$bytes"
  printf '\\nend\\n'
done
`
/** Nothing of our environment, and a locale in which numbers look as we read them. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
const STATUS_BYTES = 16
const END = '\nend\n'
/** What `timeout` says of a program that it had to end or to kill, that may not be executed, and that is not there. */
const LATE = [124, 137]
const NOT_EXECUTABLE = 126
const NOT_FOUND = 127

export function startTool(file: string, args: readonly string[], limits: ToolLimits): Tool {
  return new ShellTool(file, args, limits)
}

class ShellTool implements Tool {
  readonly #limits: ToolLimits
  readonly #shell: ChildProcessByStdio<Writable, Readable, null>
  #isGone = false
  #heard = ''
  #answer: ((answer: Found<string>) => void) | undefined

  constructor(file: string, args: readonly string[], limits: ToolLimits) {
    this.#limits = limits
    const stdio: ['pipe', 'pipe', 'ignore'] = ['pipe', 'pipe', 'ignore']
    const settings = [String(limits.timeoutMs / 1000), String(limits.maxBytes + STATUS_BYTES)]
    const options = { stdio, detached: true, cwd: '/', env: ENVIRONMENT }
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', ...settings, file, ...args], options)
    this.#shell.unref()
    for (const stream of [this.#shell.stdin, this.#shell.stdout]) (stream as Socket).unref()
    this.#shell.stdin.on('error', () => this.#end())
    this.#shell.on('error', () => this.#end())
    this.#shell.on('close', () => this.#end())
    this.#shell.stdout.on('data', (part: Buffer) => this.#hear(part.toString('utf8')))
  }

  ask(): Promise<Found<string>> {
    if (this.#isGone) return Promise.resolve(GONE)
    const { promise, resolve } = Promise.withResolvers<Found<string>>()
    this.#answer = resolve
    this.#heard = ''
    this.#shell.stdin.write('ask\n')
    return promise
  }

  close(): void {
    this.#shell.stdin.end()
    this.#end()
  }

  /** `head` has bounded what comes. */
  #hear(text: string): void {
    this.#heard += text
    if (!this.#heard.endsWith(END)) return
    this.#answer?.(this.#read(this.#heard.slice(0, -END.length)))
    this.#answer = undefined
  }

  #read(text: string): Found<string> {
    const [, output = '', code] = /^([\s\S]*)\nstatus (\d+)\n$/.exec(text) ?? []
    const { timeoutMs, maxBytes } = this.#limits
    if (code === undefined || Buffer.byteLength(output) > maxBytes) return unreadable(`more than ${maxBytes} bytes`)
    const status = Number(code)
    if (status === NOT_FOUND) return { state: 'absent' }
    if (status === NOT_EXECUTABLE) return unreadable('it may not be executed')
    if (LATE.includes(status)) return unreadable(`no answer in ${timeoutMs} ms`)
    return status === 0 ? { state: 'found', value: output } : unreadable(`exit status ${status}`)
  }

  #end(): void {
    this.#isGone = true
    this.#answer?.(GONE)
    this.#answer = undefined
  }
}

const GONE: Found<string> = { state: 'unreadable', why: 'what asks it has ended' }

function unreadable(why: string): Found<string> {
  return { state: 'unreadable', why }
}
