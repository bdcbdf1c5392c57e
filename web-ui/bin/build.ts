import { ensurePages } from '../build/page-build.ts'

/** Builds the pages when their sources have changed: `node web-ui/bin/build.ts`. */
const { folder, isNew } = await ensurePages()
process.stdout.write(`${isNew ? 'built' : 'nothing to build'}: ${folder}\n`)
