import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { modelCheckCommand } from '../../models/authoring/check-command.ts'
import { modelImportCommand } from '../../models/authoring/import-command.ts'
import { modelPackCommand } from '../../models/authoring/pack-command.ts'
import { modelSignCommand } from '../../models/authoring/sign-command.ts'
import type { Command } from './command.ts'

/** The half of `wardstone model` for whoever makes a package: no site is needed, and nothing is loaded. */
export const modelAuthoringCommands: readonly Command[] = [
  {
    name: 'model import',
    synopsis: 'FILE.onnx [--output DRAFT.json]',
    summary: 'draft the manifest of a model that nobody here has seen',
    run: (args) => modelImportCommand(args, process),
  },
  {
    name: 'model check',
    synopsis: 'FILE [--model FILE.onnx]',
    summary: 'say what is missing, inconsistent or dangerous in a model or a draft',
    run: (args) => modelCheckCommand(args, process),
  },
  {
    name: 'model pack',
    synopsis: 'MANIFEST.json [options]',
    summary: 'make a package of a manifest and its model, for the keepers to sign',
    run: (args) =>
      modelPackCommand(args, { stdout: process.stdout, stderr: process.stderr, randomness: systemRandomness }),
  },
  {
    name: 'model sign',
    synopsis: 'FOLDER [options]',
    summary: 'sign what was packed, as its vendor and for a device of the fleet',
    run: (args) => modelSignCommand(args, { stdout: process.stdout, stderr: process.stderr, clock: systemClock }),
  },
]
