// Loads what a box runs, so that Node keeps what it compiles of it (NODE_COMPILE_CACHE, see child.mjs). The processes behind
// walls may only read that, so somebody else has to have written it. It starts nothing, and may fail: everything runs without.
const modules = [
  'demo/demo.ts',
  'runtime/bin/command-table.ts',
  'runtime/compose.ts',
  'runtime/egress/process.ts',
  'runtime/images/decoder-port.ts',
  'runtime/inference/worker-port.ts',
  'runtime/inference/worker-process.ts',
  'updater/compose.ts',
  'updater/operator/command.ts',
]

await Promise.allSettled(modules.map((path) => import(new URL(`../${path}`, import.meta.url).href)))
process.exit(0)
