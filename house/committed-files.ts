import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { listFiles, root } from './source-tree.ts'

/** What is, or would be, in the repository: git's view; from a copy without git, everything that is not installed. */
export function committedFiles(): string[] {
  try {
    const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 16 * 1024 * 1024,
    })
    return list.split('\0').filter((path) => path !== '')
  } catch {
    return listFiles('.')
      .map((path) => path.replace(/^\.\//, ''))
      .filter((path) => !/^(\.git|\.wardstone[^/]*|coverage)\/|\.tmp$/.test(path))
  }
}

/** The text of a committed file; undefined when it has been deleted from the folder or is not text. */
export function readText(path: string): string | undefined {
  try {
    const text = readFileSync(join(root, path), 'utf8')
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
