import { isTestFile, rooms, type SourceFile, type SyntaxNode } from './source-tree.ts'

export const MAX_FILE_LINES = 400
/** A test file is a list; it may be longer. */
export const MAX_TEST_FILE_LINES = 600
/** Functions have about a dozen lines and rarely over 60; past this there is no reason left. */
export const MAX_FUNCTION_LINES = 80

export interface StyleRule {
  readonly name: string
  faults(file: SourceFile): string[]
}

const builtInErrors = [
  'Error',
  'TypeError',
  'RangeError',
  'SyntaxError',
  'EvalError',
  'URIError',
  'ReferenceError',
  'AggregateError',
]
const functionTypes = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']
const testFunctions = ['it', 'test', 'describe']
const silencers = /@ts-(ignore|nocheck|expect-error)|biome-ignore|eslint-disable|v8 ignore|istanbul ignore/

const isInRoom = (file: SourceFile): boolean => rooms.some((room) => file.path.startsWith(`${room}/`))
const isShippedRoom = (file: SourceFile): boolean => isInRoom(file) && !isTestFile(file.path)
const readsEnvironment = (file: SourceFile): boolean =>
  /(^|\/)bin\//.test(file.path) || file.path.startsWith('scripts/') || isTestFile(file.path)

/** The faults of every node for which `judge` has something to say, with its line. */
function eachNode(file: SourceFile, judge: (node: SyntaxNode) => string | undefined): string[] {
  return file.nodes.flatMap((node) => {
    const fault = judge(node)
    return fault === undefined ? [] : [`${file.path}:${lineOf(file.text, node.start)}: ${fault}`]
  })
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

function nameOf(node: unknown): string | undefined {
  const { type, name } = (node ?? {}) as { type?: string; name?: string }
  return type === 'Identifier' ? name : undefined
}

/** `a.b` or `a['b']` as ['a', 'b'], where `a` is a plain name; for a chain (`a.b.c`) the first name stands for the object. */
function memberOf(node: SyntaxNode): [object: string, property: string] | undefined {
  if (node.type !== 'MemberExpression') return undefined
  let object = node.object as SyntaxNode
  while (object.type === 'MemberExpression' || object.type === 'CallExpression') {
    object = (object.object ?? object.callee) as SyntaxNode
  }
  const property = node.property as { name?: string; value?: unknown }
  const name = property.name ?? (typeof property.value === 'string' ? property.value : undefined)
  const objectName = nameOf(object)
  return objectName === undefined || name === undefined ? undefined : [objectName, name]
}

export const styleRules: readonly StyleRule[] = [
  {
    name: 'no any',
    faults: (file) => eachNode(file, (node) => (node.type === 'TSAnyKeyword' ? 'any' : undefined)),
  },
  {
    name: 'rooms raise only errors with a code',
    faults: (file) =>
      isShippedRoom(file)
        ? eachNode(file, (node) => {
            const isCreated = node.type === 'NewExpression' || node.type === 'CallExpression'
            const name = isCreated ? nameOf(node.callee) : undefined
            return name !== undefined && builtInErrors.includes(name) ? `plain ${name}` : undefined
          })
        : [],
  },
  {
    name: 'no check is silenced',
    faults: (file) =>
      file.comments.filter((comment) => silencers.test(comment)).map((comment) => `${file.path}: ${comment.trim()}`),
  },
  {
    name: 'no test is left out, but for the outside inputs',
    faults: (file) => (isTestFile(file.path) ? [...eachNode(file, leftOutTest), ...eachNode(file, unknownGate)] : []),
  },
  {
    name: 'only bin/ and scripts/ read the environment and the arguments',
    faults: (file) => (readsEnvironment(file) ? [] : [...eachNode(file, environmentRead), ...processImports(file)]),
  },
  {
    name: 'rooms export by name',
    faults: (file) => (isInRoom(file) && file.hasDefaultExport ? [`${file.path}: default export`] : []),
  },
  {
    name: `no file is longer than ${MAX_FILE_LINES} lines`,
    faults: (file) => {
      const lines = file.text.split('\n').length - 1
      return lines > (isTestFile(file.path) ? MAX_TEST_FILE_LINES : MAX_FILE_LINES)
        ? [`${file.path}: ${lines} lines`]
        : []
    },
  },
  {
    name: `no function that ships is longer than ${MAX_FUNCTION_LINES} lines`,
    faults: (file) =>
      isShippedRoom(file)
        ? eachNode(file, (node) => {
            const lines = lineOf(file.text, node.end) - lineOf(file.text, node.start) + 1
            return functionTypes.includes(node.type) && lines > MAX_FUNCTION_LINES
              ? `a function of ${lines} lines`
              : undefined
          })
        : [],
  },
  {
    name: 'erasable syntax only: no enum, no namespace, no parameter property',
    faults: (file) => eachNode(file, (node) => (isErasable(node) ? undefined : node.type)),
  },
]

/** `declare module` adds to types and is erased; an enum, a namespace or a parameter property would need a compiler. */
function isErasable(node: SyntaxNode): boolean {
  if (node.type === 'TSModuleDeclaration') return node.declare === true
  return !['TSEnumDeclaration', 'TSParameterProperty'].includes(node.type)
}

/** Whatever takes a test out of the run: `.skip`, `.todo`, `.only`, `.fails`, `context.skip()`. */
function leftOutTest(node: SyntaxNode): string | undefined {
  const member = memberOf(node)
  if (member === undefined) return undefined
  const [object, property] = member
  const isTest = testFunctions.includes(object) && ['skip', 'todo', 'only', 'fails'].includes(property)
  const isContext = property === 'skip' && ['context', 'ctx', 'task', 't'].includes(object)
  return isTest || isContext ? `${object}.${property}` : undefined
}

/** A gate may ask for one thing: whether the outside inputs are there. */
function unknownGate(node: SyntaxNode): string | undefined {
  if (node.type !== 'CallExpression') return undefined
  const member = memberOf(node.callee as SyntaxNode)
  if (member === undefined || !testFunctions.includes(member[0]) || !['skipIf', 'runIf'].includes(member[1]))
    return undefined
  const [condition] = node.arguments as SyntaxNode[]
  return condition !== undefined && asksForSharedData(condition, member[1])
    ? undefined
    : `${member[0]}.${member[1]} on something else`
}

/** `skipIf(!sharedData)`, `skipIf(sharedData === undefined)`, `runIf(sharedData)`, `runIf(sharedData !== undefined)`. */
function asksForSharedData(condition: SyntaxNode, gate: string): boolean {
  if (condition.type === 'UnaryExpression')
    return gate === 'skipIf' && condition.operator === '!' && nameOf(condition.argument) === 'sharedData'
  if (condition.type !== 'BinaryExpression') return gate === 'runIf' && nameOf(condition) === 'sharedData'
  const operator = gate === 'skipIf' ? '===' : '!=='
  return (
    condition.operator === operator &&
    nameOf(condition.left) === 'sharedData' &&
    nameOf(condition.right) === 'undefined'
  )
}

function environmentRead(node: SyntaxNode): string | undefined {
  const member = memberOf(node)
  return member?.[0] === 'process' && ['env', 'argv', 'argv0', 'execArgv'].includes(member[1])
    ? `process.${member[1]}`
    : undefined
}

function processImports(file: SourceFile): string[] {
  return file.imports
    .filter((edge) => /^(node:)?process$/.test(edge.specifier) && !edge.typeOnly)
    .map(() => `${file.path}: imports node:process`)
}
