import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSource, root, type SyntaxNode } from './source-tree.ts'

/** The titles of the tests and describe blocks of a file, as they literally stand in it. */
export function testTitles(path: string): readonly string[] {
  let text: string
  try {
    text = readFileSync(join(root, path), 'utf8')
  } catch {
    return []
  }
  return titlesOf(path, text)
}

export function titlesOf(path: string, text: string): string[] {
  return parseSource(path, text).nodes.flatMap((node) => {
    if (node.type !== 'CallExpression' || !isTestCall(node.callee as SyntaxNode)) return []
    const [title] = node.arguments as { value?: unknown; quasis?: { value: { raw: string } }[] }[]
    if (typeof title?.value === 'string') return [title.value]
    return title?.quasis?.length === 1 ? [title.quasis[0]?.value.raw ?? ''] : []
  })
}

/** `it(…)`, `test(…)`, `it.each(…)(…)`, `it.skipIf(…)(…)`, and the same with describe. */
function isTestCall(callee: SyntaxNode): boolean {
  let node = callee
  while (node.type === 'CallExpression' || node.type === 'MemberExpression')
    node = (node.callee ?? node.object) as SyntaxNode
  return node.type === 'Identifier' && ['it', 'test', 'describe'].includes(node.name as string)
}

/** References `file :: title`, several separated by ` ; `, that name no test. */
export function unknownTests(cell: string, titles: (path: string) => readonly string[] = testTitles): string[] {
  return cell.split(' ; ').filter((reference) => {
    const [path = '', title = ''] = reference.split(' :: ')
    return title === '' || !titles(path.trim()).includes(title.trim())
  })
}
