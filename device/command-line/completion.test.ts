import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completionScript, shells } from './completion.ts'
import { sampleProgram } from './testkit/sample-program.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'completion-'))
  mkdirSync(join(folder, 'release one'))
  writeFileSync(join(folder, 'release.pem'), '')
  writeFileSync(join(folder, 'script'), completionScript(sampleProgram([]), 'bash'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What bash would offer: it sources the script, and is asked as the key would ask it. The cursor stands at the end. */
function offered(...words: string[]): string[] {
  const asks = `
    source ./script || exit 90
    # Outside of a completion under way, compopt has nothing to set.
    compopt() { :; }
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    declare -F "$(complete -p sample-tool | sed 's/.*-F \\([^ ]*\\) .*/\\1/')" > name || exit 91
    "$(cat name)" sample-tool "\${COMP_WORDS[COMP_CWORD]}" || exit 92
    rm name
    [[ \${#COMPREPLY[@]} -eq 0 ]] || printf '%s\\n' "\${COMPREPLY[@]}"`
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', asks, 'bash', 'sample-tool', ...words], {
    cwd: folder,
  })
  expect([status, stderr.toString()]).toEqual([0, ''])
  return stdout.toString().split('\n').filter(Boolean).sort()
}

describe('the completion for bash, sourced by bash', () => {
  it.each([
    [[''], ['completion', 'help', 'model', 'version', 'watch']],
    [['w'], ['watch']],
    [['-'], ['--help', '--site', '--version']],
    [
      ['model', ''],
      ['install', 'list'],
    ],
    [['model', 'in'], ['install']],
    [
      ['model', 'install', '--'],
      ['--format', '--help', '--json', '--key', '--site'],
    ],
    [
      ['model', 'install', '--format', ''],
      ['csv', 'ndjson'],
    ],
    [['model', 'install', '--format', 'n'], ['ndjson']],
    [['model', 'install', '--format', '=', 'n'], ['ndjson']],
    [
      ['model', 'install', '--format', '='],
      ['csv', 'ndjson'],
    ],
    [['model', 'install', '--format', 'csv', '--j'], ['--json']],
    [['model', 'install', ''], ['release one']],
    [
      ['model', 'install', '--key', 'rel'],
      ['release one', 'release.pem'],
    ],
    [['model', 'list', ''], []],
    [
      ['model', 'list', '--json', '--'],
      ['--help', '--json', '--site'],
    ],
    [['watch', '--count', ''], []],
    [['--site', ''], ['release one']],
    [['--site', 'model', 'model', 'l'], ['list']],
    [['model', '--site', 'here', 'l'], ['list']],
    [
      ['help', ''],
      ['completion', 'help', 'model', 'version', 'watch'],
    ],
    [
      ['help', 'model', ''],
      ['install', 'list'],
    ],
    [
      ['completion', ''],
      ['bash', 'fish', 'zsh'],
    ],
    [['nonsense', ''], []],
    [['$(touch hacked)', ''], []],
    [['model', 'install', '--format', '$(touch hacked)'], []],
  ])('after %j offers %j', (words, offers) => {
    expect(offered(...words)).toEqual(offers)
    expect(spawnSync('ls', [folder]).stdout.toString()).not.toContain('hacked')
  })
})

it('the scripts of all shells have every command, option and choice', () => {
  for (const shell of shells) {
    const script = completionScript(sampleProgram([]), shell)
    for (const word of ["'model install'", '--format', 'words csv ndjson', '--site', 'install list', 'sample-tool'])
      expect(script).toContain(word)
    expect(script).toContain('__sample_tool')
    // Whatever is not in quotes is our own text: a name with a quote in it would end them.
    expect(
      script.split('\n').filter((line) => /^ *(echo|case) /.test(line) && (line.split("'").length - 1) % 2 !== 0),
    ).toEqual([])
  }
})
