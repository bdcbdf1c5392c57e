import { mkdirSync, writeFileSync } from 'node:fs'
import { trainingSpec } from '../features.ts'
import { madeUpStays, stayText } from '../made-up.ts'

/** Writes what train/train.py reads beside the data: spec.json, from the contract, and the made-up stays. */
const folder = new URL('../train/', import.meta.url)
writeFileSync(new URL('spec.json', folder), `${JSON.stringify(trainingSpec(), null, 1)}\n`)
mkdirSync(new URL('made-up/', folder), { recursive: true })
for (const { name, rows } of madeUpStays()) writeFileSync(new URL(`made-up/${name}.psv`, folder), stayText(rows))
