import type { Program } from '../command.ts'

/** A program that says what it was asked. */
export function sampleProgram(asked: unknown[]): Program<string> {
  const run = (name: string) => async (args: readonly string[], context: string) => {
    asked.push({ name, args, context })
    return 7
  }
  return {
    name: 'sample-tool',
    release: '1.2.3',
    purpose: 'What a test asks.',
    everywhere: { site: 'folder' },
    notes: 'Notes.\n',
    examples: ['sample-tool watch'],
    commands: [
      {
        ...{ name: 'watch', synopsis: '[options]', summary: 'look on', run: run('watch') },
        options: { json: 'flag', count: 'text' },
        exitCodes: {},
      },
      {
        ...{ name: 'model install', synopsis: 'SOURCE', summary: 'install', run: run('model install') },
        operand: 'folder',
        options: { json: 'flag', format: ['csv', 'ndjson'], key: 'file' },
        exitCodes: { 1: 'failed' },
      },
      {
        ...{ name: 'model list', synopsis: '', summary: 'list', run: run('model list') },
        options: { json: 'flag' },
        exitCodes: {},
      },
    ],
  }
}
