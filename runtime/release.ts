/** The release of the runtime is that of the house. */
export { RELEASE } from '../device/platform/release.ts'
