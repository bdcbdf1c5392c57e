import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Licences that ask for attribution and nothing more, by SPDX identifier. */
export const permissive: readonly string[] = [
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  '0BSD',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Unlicense',
  'Zlib',
]

interface LockEntry {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export interface LockFile {
  readonly packages: Readonly<Record<string, LockEntry>>
}

export function readLockFile(root: string): LockFile {
  return JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile
}

/** What is installed beside the product when it ships: path → licence, as each package says it itself. */
export function productionLicences(root: string, lock: LockFile): { path: string; licence: string }[] {
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && entry.dev !== true && existsSync(join(root, path, 'package.json')))
    .map(([path]) => {
      const { license } = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as { license?: unknown }
      return { path, licence: typeof license === 'string' ? license : '(none)' }
    })
}

/** Judges an SPDX expression of AND and OR without WITH: permissive when one choice is. */
export function isPermissive(expression: string): boolean {
  const bare = expression.replace(/^\((.*)\)$/, '$1')
  return bare.split(' OR ').some((choice) => choice.split(' AND ').every((name) => permissive.includes(name.trim())))
}
