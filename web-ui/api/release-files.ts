/** The three files of a release. */
export interface ReleaseFiles {
  readonly package: File
  readonly image: File
  readonly grant: File
}
