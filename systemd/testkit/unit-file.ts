import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../house/source-tree.ts'

export const unitFolder = join(root, 'systemd/units')

/** Settings of a unit file (systemd.syntax(7)) in their order, without sections: none of ours has one name in two of them. */
export interface UnitFile {
  readonly name: string
  /** Every value of a setting, a list that is split at spaces in one. */
  all(setting: string): readonly string[]
  /** The last value of a setting. */
  one(setting: string): string | undefined
  /** The words of all its values. */
  words(setting: string): readonly string[]
}

export function readUnit(name: string, folder = unitFolder): UnitFile {
  const settings = readFileSync(join(folder, name), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, setting, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? []
      return setting === undefined || value === undefined ? [] : [{ setting, value }]
    })
  const all = (wanted: string) => settings.flatMap(({ setting, value }) => (setting === wanted ? [value] : []))
  return {
    name,
    all,
    one: (setting) => all(setting).at(-1),
    words: (setting) => all(setting).flatMap((value) => value.split(' ').filter((word) => word !== '')),
  }
}

export function readUnits(): readonly UnitFile[] {
  return readdirSync(unitFolder).map((name) => readUnit(name))
}

/** What sysusers.d(5) and tmpfiles.d(5) make: the words of each line. */
export function readTable(name: 'sysusers.conf' | 'tmpfiles.conf'): readonly (readonly string[])[] {
  return readFileSync(join(root, 'systemd', name), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/\s+/))
}
