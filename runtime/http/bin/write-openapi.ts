import { openApiText } from '../openapi.ts'

/** Prints the document: `node runtime/http/bin/write-openapi.ts > docs/openapi.json`. */
process.stdout.write(`${openApiText()}\n`)
