import sharp from 'sharp'

/** A picture of one channel, eight bits a value. */
export interface GreyPicture {
  readonly rows: number
  readonly columns: number
  readonly values: Uint8Array
}

/** @param path of a PNG whose three channels are alike, if it has three; another is refused */
export async function readGreyPng(path: string): Promise<GreyPicture> {
  const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const values = new Uint8Array(width * height)
  for (let place = 0; place < values.length; place++) {
    const pixel = data.subarray(place * channels, place * channels + Math.min(channels, 3))
    values[place] = pixel[0] ?? 0
    if (pixel.some((value) => value !== values[place])) throw new RangeError(`${path} is coloured`)
  }
  return { rows: height, columns: width, values }
}
