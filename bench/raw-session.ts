import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import type { Tensors } from '../models/contract/tensor.ts'

export interface RawSession {
  /** The numbers of each output. The library runs on the caller's thread: of several calls one runs at a time. */
  run(): Promise<Readonly<Record<string, readonly number[]>>>
  /** The same without looking at what comes out: what is timed. */
  runOnly(): Promise<unknown>
  close(): Promise<void>
}

/** The settings of a session that the box would make: one operator after the other, each with so many threads. */
export function sessionSettings(threads: number): InferenceSession.SessionOptions {
  return { intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential' }
}

/** Bare `session.run` in this process: the limit that everything else is measured against. */
export async function openRawSession(onnx: Uint8Array, tensors: Tensors, threads: number): Promise<RawSession> {
  const session = await InferenceSession.create(Buffer.from(onnx), sessionSettings(threads))
  const feeds = feedsOf(tensors)
  const run = async () => {
    const outputs = Object.entries(await session.run(feeds))
    return Object.fromEntries(outputs.map(([name, { data }]) => [name, Array.from(data as Float32Array, Number)]))
  }
  return { run, runOnly: () => session.run(feeds), close: () => session.release() }
}

function feedsOf(tensors: Tensors): Record<string, OrtTensor> {
  const feeds = Object.entries(tensors).map(([name, { dtype, data, dims }]) => {
    if (dtype !== 'float32') throw new TypeError(`${name} is not float32`)
    return [name, new OrtTensor('float32', data as Float32Array, dims)]
  })
  return Object.fromEntries(feeds)
}
