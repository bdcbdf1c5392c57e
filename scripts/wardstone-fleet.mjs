#!/usr/bin/env node
// The `wardstone-fleet` command of the package: the same start as `npm run wardstone-fleet --`, from any folder.
import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launch } from './launch.mjs'

const here = realpathSync(fileURLToPath(import.meta.url))
await launch(dirname(dirname(here)), 'wardstone-fleet', process.argv.slice(2))
