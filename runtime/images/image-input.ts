/** The bytes of one file, whole or as they come. */
export type ImageBytes = Uint8Array | AsyncIterable<Uint8Array>
/**
 * One file, or the files of one series, which may come one after the other. When no more of it is wanted its iterators are told so
 * by `return`, which is not waited for: whoever reads from a socket can give it up then.
 */
export type ImageInput = Uint8Array | Iterable<ImageBytes> | AsyncIterable<ImageBytes>
