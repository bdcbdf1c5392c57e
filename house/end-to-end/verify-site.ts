import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Site } from '../../demo/site.ts'

const CLI = fileURLToPath(new URL('../../runtime/bin/wardstone.ts', import.meta.url))

/** Runs `wardstone audit verify` on a site, as a person would. */
export function verifySite(site: Site, ...args: readonly string[]): { code: number | null; out: string; err: string } {
  const command = [CLI, 'audit', 'verify', '--site', site.root, ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  return { code: status, out: stdout, err: stderr }
}
