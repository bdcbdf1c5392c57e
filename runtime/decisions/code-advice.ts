import { channelErrors } from '../../device/platform/channel-errors.ts'
import { contractErrors } from '../../models/contract/errors.ts'
import { packageErrors } from '../../models/package/errors.ts'
import { controlErrors } from '../../models/store/control-errors.ts'
import { inferenceErrors } from '../inference/errors.ts'
import { activationErrors } from './activation-errors.ts'

/** What an operator at the box can do about a code; the others are explained in docs/errors.md. */
const advice: Readonly<Record<string, string>> = {
  channel_unreachable:
    'start the updater, or ask an account that may open its socket; --site or --socket may name another place',
  channel_timeout: 'look at the log of the updater',
  control_job_unknown: '"wardstone model jobs" lists the jobs that are kept',
  control_job_past_cancel: '"wardstone model rollback SLOT" goes back to what ran before',
  control_jobs_too_many: 'wait for one to end, or give one up: "wardstone model jobs ID --cancel"',
  control_release_unknown: '"wardstone model list" shows what is staged',
  control_release_revoked: 'install a newer release',
  control_release_in_use: '"wardstone model list" shows what names it; "wardstone model jobs" what works on it',
  control_slot_unknown: '"wardstone model list" shows the slots',
  control_slot_busy: '"wardstone model jobs" shows it: wait, or give it up with --cancel',
  control_rollback_empty: 'a staged release can be run with "wardstone model activate"',
  fetch_several_releases: 'choose one with --name',
  fetch_release_missing: 'the medium needs a folder wardstone/NAME with package.wspkg, image.json and grant.json',
  fetch_file_missing: 'the folder needs package.wspkg, image.json and grant.json',
  fetch_source_unreadable: 'the files must be readable by the account that the updater runs as, and no links',
  fetch_authority_missing: 'name the authority of the server in updater.json, under https',
  fetch_unreachable: 'look at the address, the network and the server; what came is kept for the next try',
  fetch_tls_failed:
    'compare the authority in updater.json, under https, with the certificate of the server; check the clock',
  fetch_disk_full: 'make room on the disk of the store: "wardstone model remove" takes a staged release away',
  stage_metadata_rolled_back: 'fetch the newest release folder: its image.json is older than one seen here',
  stage_metadata_forked: 'tell the vendor: two different image.json carry one version',
  stage_active_unlisted: 'tell the vendor: image.json has to list every release that runs, or mark it revoked',
  inference_self_test_failed:
    'do not use this release on this device; tell the fleet operator and the maker of the model',
  inference_load_failed: 'look at the log of the runtime: memory, or a provider that is missing on this device',
  ...Object.fromEntries(
    ['package_chunk_corrupt', 'package_hash_mismatch', 'package_truncated', 'package_oversized'].map((code) => [
      code,
      'bring the release again from where it came; changed again, do not use it and tell the fleet operator',
    ]),
  ),
  package_signature_invalid:
    'do not use this release: nobody this device trusts has signed it; tell the fleet operator',
  package_downgrade: '"wardstone model rollback SLOT" is the way back; a release counter otherwise only rises',
  package_device_foreign: 'ask the fleet operator for the grant of this device',
  package_grant_expired: 'ask the fleet operator for a new grant; check the clock of the box',
  package_revoked: 'install a newer release',
  package_runtime_unsupported: 'install a release that is made for this version of the appliance',
  updater_runtime_unreachable:
    'start the runtime; the release stays staged, so "wardstone model activate" goes on from there',
  updater_prove_timeout: 'the release stays staged: try "wardstone model activate" when the box is less busy',
  updater_prove_broken: 'look at the log of the runtime: it ended each time it proved this release',
  updater_store_full: 'make room on the disk of the store: "wardstone model remove" takes a staged release away',
  updater_store_unwritable: 'look at the mount and the owner of the model store',
}

const texts: Readonly<Record<string, string>> = {
  ...packageErrors,
  ...contractErrors,
  ...inferenceErrors,
  ...activationErrors,
  ...controlErrors,
  ...channelErrors,
}

export interface Explanation {
  readonly message: string
  readonly advice: string | undefined
}

/** @param said what came with the code, where something did */
export function explainCode(code: string, said: string | undefined): Explanation {
  const unreachable = code === 'channel_unreachable' ? 'The updater cannot be reached.' : undefined
  return { message: unreachable ?? texts[code] ?? said ?? 'See docs/errors.md.', advice: advice[code] }
}

/** The step that a job failed at, its code, and what the updater says of it. */
interface FailedJob {
  readonly step: string
  readonly code: string
  readonly message: string | null
}

/** The updater names what is special in a case of its own; of what the runtime refuses it knows the code alone. */
export function explainJob({ step, code, message: said }: FailedJob): Explanation {
  const { message, advice } = explainCode(code, said ?? undefined)
  const isOfRuntime = step === 'prove' || step === 'activate'
  return { message: isOfRuntime ? message : (said ?? message), advice }
}
