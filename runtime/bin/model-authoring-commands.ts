import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { modelCheckCommand } from '../../models/authoring/check-command.ts'
import { authoringExitCodes } from '../../models/authoring/command-io.ts'
import { modelImportCommand } from '../../models/authoring/import-command.ts'
import { modelPackCommand } from '../../models/authoring/pack-command.ts'
import { modelSignCommand } from '../../models/authoring/sign-command.ts'
import type { Command } from './command.ts'

const UNREADABLE = {
  [authoringExitCodes.unreadable]: 'a file cannot be read or written, or is not what it should be',
} as const
const FINDINGS = {
  ...UNREADABLE,
  [authoringExitCodes.warnings]: 'warnings, and no errors, in what was checked',
  [authoringExitCodes.errors]: 'errors in what was checked',
} as const

/** The half of `wardstone model` for whoever makes a package: no site is needed, and nothing is loaded. */
export const modelAuthoringCommands: readonly Command[] = [
  {
    name: 'model import',
    synopsis: 'FILE.onnx [--output DRAFT.json]',
    summary: 'draft the manifest of a model that nobody here has seen',
    operand: 'file',
    options: { output: 'file', tensors: 'flag' },
    exitCodes: UNREADABLE,
    run: (args) => modelImportCommand(args, process),
  },
  {
    name: 'model check',
    synopsis: 'FILE [--model FILE.onnx]',
    summary: 'say what is missing, inconsistent or dangerous in a model or a draft',
    operand: 'file',
    options: { model: 'file', 'golden-vectors': 'file', json: 'flag' },
    exitCodes: FINDINGS,
    run: (args) => modelCheckCommand(args, process),
  },
  {
    name: 'model pack',
    synopsis: 'MANIFEST.json [options]',
    summary: 'make a package of a manifest and its model, for the keepers to sign',
    operand: 'file',
    options: {
      ...{ model: 'file', 'golden-vectors': 'file', licence: 'file', card: 'file', sbom: 'file', output: 'folder' },
      json: 'flag',
    },
    exitCodes: FINDINGS,
    run: (args) =>
      modelPackCommand(args, { stdout: process.stdout, stderr: process.stderr, randomness: systemRandomness }),
  },
  {
    name: 'model sign',
    synopsis: 'FOLDER [options]',
    summary: 'sign what was packed, as its vendor and for a device of the fleet',
    operand: 'folder',
    options: {
      ...{ 'vendor-signing-key': 'file', image: 'file', 'vendor-key': 'file', 'fleet-signing-key': 'file' },
      ...{ device: 'text', 'device-key': 'file', days: 'text' },
    },
    exitCodes: UNREADABLE,
    run: (args) => modelSignCommand(args, { stdout: process.stdout, stderr: process.stderr, clock: systemClock }),
  },
]
