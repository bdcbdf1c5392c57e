import { statSync } from 'node:fs'

/** Changes whenever a file is replaced or written to; cheap enough to ask every second. */
export function fileMark(path: string): string {
  const { mtimeMs, ctimeMs, size, ino } = statSync(path)
  return `${mtimeMs} ${ctimeMs} ${size} ${ino}`
}
