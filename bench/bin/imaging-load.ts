/** The reading room of the mixed load, in a process of its own. It is started by bench/imaging-load.ts. */
import { serveImagingLoad } from '../imaging-load.ts'

await serveImagingLoad(process)
