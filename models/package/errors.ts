import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const packageErrors = {
  package_unreadable: 'The package, its image targets or its grant could not be read.',
  package_truncated: 'The package is shorter than its signed length.',
  package_oversized: 'The package is longer than its signed length.',
  package_magic_wrong: 'The file is not a Wardstone package.',
  package_version_unsupported: 'The package has a container version that this release does not read.',
  package_header_corrupt: 'The package header contradicts itself.',
  package_manifest_corrupt: 'The manifest is not the one that was signed.',
  package_manifest_invalid: 'The manifest does not follow its schema.',
  package_layout_invalid: 'The files of the package do not fill the payload one after the other.',
  package_chunk_corrupt: 'A chunk of the payload is not the one that was signed.',
  package_chunk_reordered: 'The chunks of the payload are not in their signed order.',
  package_hash_mismatch: 'The package is not the one that was signed.',
  package_decrypt_failed: 'A file of the package does not decrypt with the granted key.',
  package_plaintext_mismatch: 'A decrypted file is not the one that the manifest describes.',
  package_file_missing: 'The package lacks a file that is needed.',
  package_model_external: 'The model names data outside itself, which are not signed and are never read.',
  package_signature_invalid: 'A signature that the package needs is missing or not valid.',
  package_target_missing: 'The signed metadata do not name this package.',
  package_metadata_malformed: 'The signed metadata are not in the expected form.',
  package_metadata_disagree: 'Vendor and fleet do not sign the same package.',
  package_identity_mismatch: 'The manifest is of another model, version or release counter than the signed metadata.',
  package_device_foreign: 'The grant is for another device.',
  package_grant_expired: 'The grant or the image metadata have expired.',
  package_grant_unopenable: 'The granted content key does not open with the key of this device.',
  package_downgrade: 'The release counter is below the one already seen on this device.',
  package_counter_reused: 'The release counter was already used for another package.',
  package_metadata_rolled_back: 'The image targets are older than those this device has already acted on.',
  package_revoked: 'The vendor has revoked this package.',
  package_runtime_unsupported: 'The package is made for another range of runtime versions.',
} as const

export type PackageErrorCode = keyof typeof packageErrors

export class PackageError extends WardstoneError<PackageErrorCode> {
  constructor(code: PackageErrorCode, options?: WardstoneErrorOptions) {
    super(code, packageErrors[code], options)
  }
}
