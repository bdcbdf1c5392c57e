#!/usr/bin/env node
// What `npm run demo|test|bench|soak|check|wardstone` starts. It runs on whatever Node (20 or newer) the system has, needs no
// dependency, installs what is missing and then hands over to the pinned Node. Standard output belongs to the program
// that is started: every word of this file and its helpers goes to standard error.
import { fileURLToPath } from 'node:url'

const [command, ...args] = process.argv.slice(2)

// Checked before anything newer than plain ES modules is loaded, so that an old Node says this and not a syntax error.
if (Number(process.versions.node.split('.')[0]) < 20) {
  process.stderr.write(
    `setup: Node ${process.versions.node} is too old; 20 or newer is needed to start (the pinned Node is installed from there on).\n` +
      'setup: On Debian 13, Ubuntu 25.04 and newer: apt-get install nodejs npm. Elsewhere: https://nodejs.org/en/download\n',
  )
  process.exit(78)
}

const { launch } = await import('./launch.mjs')
await launch(fileURLToPath(new URL('..', import.meta.url)), command, args)
