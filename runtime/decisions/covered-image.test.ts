import { describe, expect, it } from 'vitest'
import { coveredImages, evenGrid, type Picture, placesOf, shiftedGrid } from './covered-image.ts'
import { drawer } from './seeded-draw.ts'

function picture(height: number, width: number, channels = 1, layout: Picture['layout'] = 'NCHW'): Picture {
  const data = Float32Array.from({ length: height * width * channels }, (_, index) => index + 1)
  return { data, layout, channels, height, width }
}

describe('a grid over an image', () => {
  it('parts it evenly, to whole elements', () => {
    const grid = evenGrid(picture(7, 10), 3, 4)
    expect(grid).toEqual({ rowEdges: [0, 2, 4, 7], columnEdges: [0, 2, 5, 7, 10] })
    expect(placesOf(grid)).toBe(12)
  })

  it.each([1, 2, 3, 5, 28, 224])(
    'of %i elements a side has every element in exactly one place, whatever the seed',
    (size) => {
      for (let seed = 0; seed < 40; seed++) {
        const image = picture(size, size)
        const count = Math.min(size, 7)
        const grid = shiftedGrid(image, count, count, drawer('test', seed))
        for (const edges of [grid.rowEdges, grid.columnEdges]) {
          expect([edges[0], edges.at(-1), edges.length]).toEqual([0, size, count + 1])
          expect(edges.slice(1).every((edge, index) => edge > (edges[index] ?? 0))).toBe(true)
        }
      }
    },
  )

  it('is moved by the seed, each way of it, and by the same seed to the same place', () => {
    const moved = (seed: number) => shiftedGrid(picture(40, 40), 4, 4, drawer('test', seed))
    expect(moved(3)).toEqual(moved(3))
    const first = Array.from({ length: 60 }, (_, seed) => moved(seed).rowEdges[1] ?? 0)
    expect(Math.min(...first)).toBe(5)
    expect(Math.max(...first)).toBe(15)
  })
})

describe('covering', () => {
  it('takes the place in every channel, and nothing else', () => {
    const planes = picture(2, 2, 2)
    const [first, second] = [0, 3].map((place) => coveredImages(planes, evenGrid(planes, 2, 2), [[place]], -1))
    expect([...(first ?? [])]).toEqual([-1, 2, 3, 4, -1, 6, 7, 8])
    expect([...(second ?? [])]).toEqual([1, 2, 3, -1, 5, 6, 7, -1])
    const wide = picture(1, 3, 2)
    expect([...coveredImages(wide, evenGrid(wide, 1, 3), [[1]], -1)]).toEqual([1, -1, 3, 4, -1, 6])
    const together = picture(2, 2, 2, 'NHWC')
    expect([...coveredImages(together, evenGrid(together, 2, 2), [[1]], -1)]).toEqual([1, 2, -1, -1, 5, 6, 7, 8])
  })

  it('makes one image after the other, and leaves the image itself alone', () => {
    const image = picture(2, 3)
    const covered = coveredImages(image, evenGrid(image, 1, 3), [[], [0, 2], [1]], 0)
    expect([...covered]).toEqual([...[1, 2, 3, 4, 5, 6], ...[0, 2, 0, 0, 5, 0], ...[1, 0, 3, 4, 0, 6]])
    expect([...image.data]).toEqual([1, 2, 3, 4, 5, 6])
  })
})
