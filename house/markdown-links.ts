import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Relative links of a Markdown text that lead nowhere: no such file, or no such heading in it. */
export function brokenLinks(path: string, text: string, root: string): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '')
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
  return targets
    .filter((target) => !/^[a-z]+:/.test(target) && !resolves(path, text, target, root))
    .map((target) => `${path}: ${target}`)
}

function resolves(path: string, text: string, target: string, root: string): boolean {
  const [file = '', heading] = target.split('#')
  const place = file === '' ? join(root, path) : join(root, dirname(path), file)
  if (!place.startsWith(root) || (file !== '' && !existsSync(place))) return false
  if (heading === undefined) return true
  const content = file === '' ? text : readFileSync(place, 'utf8')
  return headings(content).includes(heading)
}

function headings(text: string): string[] {
  return [...text.matchAll(/^#{1,6} (.+)$/gm)].map((match) => slug(match[1] ?? ''))
}

/** The anchor that code hosts give a heading. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
}
