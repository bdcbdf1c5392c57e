import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tryItYourself } from './try-it.ts'

it.each(['plain', "Ärzte's Haus & $(false) site"])(
  'every command can be copied as it stands, from a site called %s',
  (name) => {
    const root = join(process.cwd(), name)
    const site = { root, deviceId: 'device-1', path: (file: string) => join(root, file) }
    const lines = tryItYourself(site, { url: 'https://127.0.0.1:8443', grpc: '127.0.0.1:8001' }, 'an-id')
      .split('\n')
      .filter((line) => /^(curl|npm) /.test(line))
    expect(lines.length).toBeGreaterThan(8)
    for (const line of lines) {
      const words = execFileSync('sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' }).split('\n')
      const paths = words.filter((word) => word.startsWith(name))
      expect(paths.length).toBeGreaterThan(0)
      // No word was torn apart: what follows the name of the site is a path below it, or nothing.
      for (const path of paths) expect(path.slice(name.length)).toMatch(/^(\/[\w./-]+)?$/)
    }
  },
)
