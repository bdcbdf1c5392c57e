/** The bytes of one file, whole or as they come. */
export type ImageBytes = Uint8Array | AsyncIterable<Uint8Array>
/** One file, or the files of one series, which may come one after the other. */
export type ImageInput = Uint8Array | Iterable<ImageBytes> | AsyncIterable<ImageBytes>
