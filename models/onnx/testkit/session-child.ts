import { InferenceSession, Tensor } from 'onnxruntime-node'

/** Runs one model once: request as JSON on standard input, answer as JSON on standard output. */
interface WireTensor {
  readonly dtype: 'float32' | 'int64' | 'bool'
  readonly dims: number[]
  readonly base64: string
}

const parts: Buffer[] = []
for await (const part of process.stdin) parts.push(part as Buffer)
const request = JSON.parse(Buffer.concat(parts).toString('utf8')) as {
  model: string
  inputs: Record<string, WireTensor>
}
const session = await InferenceSession.create(Buffer.from(request.model, 'base64'), { intraOpNumThreads: 1 })
const feeds = Object.fromEntries(
  Object.entries(request.inputs).map(([name, tensor]) => {
    const bytes = Uint8Array.from(Buffer.from(tensor.base64, 'base64'))
    return [name, new Tensor('float32', new Float32Array(bytes.buffer), tensor.dims)]
  }),
)
const answers = await session.run(feeds)
const outputs = Object.entries(answers).map(([name, answer]) => {
  const data = answer.data as Float32Array | BigInt64Array | Uint8Array
  const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
  return [name, { dtype: answer.type, dims: answer.dims, base64 }]
})
process.stdout.write(JSON.stringify(Object.fromEntries(outputs)))
