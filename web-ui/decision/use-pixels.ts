import { useEffect, useRef } from 'preact/hooks'

/** Draws pixels on a canvas of their size. */
export function usePixels(pixels: Uint8ClampedArray<ArrayBuffer> | undefined, rows: number, columns: number) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (context === null || context === undefined) return
    context.clearRect(0, 0, columns, rows)
    if (pixels !== undefined) context.putImageData(new ImageData(pixels, columns, rows), 0, 0)
  }, [pixels, rows, columns])
  return canvas
}
