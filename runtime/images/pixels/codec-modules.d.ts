/** The codecs' packages bring no types: a function that makes an instance, whose classes codecs.ts describes. */
declare module '@cornerstonejs/codec-charls/decodewasmjs'
declare module '@cornerstonejs/codec-openjpeg/decodewasmjs'
declare module '@cornerstonejs/codec-openjph/wasmjs'
