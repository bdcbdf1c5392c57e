/**
 * The process that decodes the image of one request. It is started by runtime/images/image-decoder.ts behind the walls of
 * runtime/inference/isolation.ts, with a channel and nothing else, and ends with its answer.
 */
import { serveImage } from '../images/decoder-port.ts'

await serveImage()
process.exit(0)
