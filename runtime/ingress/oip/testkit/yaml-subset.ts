/** What a YAML document can be here: block mappings and lists, scalars on one line. */
export type Yaml = string | number | boolean | Yaml[] | { [name: string]: Yaml }

interface Line {
  indent: number
  text: string
}

/** Reads as much of YAML as the protocol's OpenAPI document uses, so that no reader of all of it is needed. */
export function readYaml(text: string): Yaml {
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.trim().startsWith('#'))
    .map((line) => ({ indent: line.length - line.trimStart().length, text: line.trim() }))
  return readBlock(lines, lines[0]?.indent ?? 0)
}

/** Takes the lines of a block off the front. */
function readBlock(lines: Line[], indent: number): Yaml {
  return lines[0]?.text.startsWith('- ') ? readList(lines, indent) : readMapping(lines, indent)
}

function readList(lines: Line[], indent: number): Yaml[] {
  const list: Yaml[] = []
  for (let line = lines[0]; line?.indent === indent && line.text.startsWith('- '); line = lines[0]) {
    const rest = line.text.slice(2)
    if (KEY.test(rest)) {
      // The first member of a mapping stands on the line of its dash.
      lines[0] = { indent: indent + 2, text: rest }
      list.push(readMapping(lines, indent + 2))
    } else {
      lines.shift()
      list.push(readScalar(rest))
    }
  }
  return list
}

const KEY = /^('[^']*'|[^\s:'"{[][^:]*):(?:\s+(.*))?$/

function readMapping(lines: Line[], indent: number): { [name: string]: Yaml } {
  const mapping: { [name: string]: Yaml } = {}
  for (let line = lines[0]; line?.indent === indent && !line.text.startsWith('- '); line = lines[0]) {
    lines.shift()
    const [, key = '', value] = KEY.exec(line.text) ?? []
    const name = String(readScalar(key))
    const below = lines[0]?.indent ?? 0
    mapping[name] = value === undefined && below > indent ? readBlock(lines, below) : readScalar(value ?? '')
  }
  return mapping
}

function readScalar(text: string): Yaml {
  if (text === '[]') return []
  if (text === '{}') return {}
  if (text === 'true' || text === 'false') return text === 'true'
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text)
  return /^'.*'$/.test(text) ? text.slice(1, -1).replaceAll("''", "'") : text
}
